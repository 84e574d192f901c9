// Paths and hosts: what passes is canonical, stays what it is, and no reading of it climbs or splits.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseHost } from './host.ts';
import { normalisePath } from './path.ts';

const piece = fc.constantFrom(
  '/',
  '.',
  '..',
  '%2e',
  '%2F',
  '%5c',
  '%25',
  '32',
  '65',
  'a',
  'B',
  '~',
  '%41',
  '%c3%a9',
  '%',
  ';',
  '\\',
  ' ',
  '%00',
  '-',
);
const anyPath = fc.array(piece, { maxLength: 12 }).map((parts) => `/${parts.join('')}`);

test('property: normalising twice is normalising once', () => {
  fc.assert(
    fc.property(anyPath, (path) => {
      const once = normalisePath(path);
      if (once !== null) assert.equal(normalisePath(once), once);
    }),
    { numRuns: 5000 },
  );
});

test('property: however often a path that passed is decoded, it has the same segments and none that climbs', () => {
  fc.assert(
    fc.property(anyPath, (path) => {
      const once = normalisePath(path);
      if (once === null) return;
      const segments = once.split('/').length;
      let decoded = once;
      for (let i = 0; i < 3; i++) {
        try {
          decoded = decodeURIComponent(decoded);
        } catch {
          break;
        }
        assert.equal(decoded.split(/[/\\]/).length, segments, once);
        assert.ok(!decoded.split('/').some((segment) => segment === '.' || segment === '..'), once);
      }
      assert.ok(!/[;\\]|\/\//.test(once));
    }),
    { numRuns: 5000 },
  );
});

test('hosts', () => {
  const hosts: readonly (readonly [string, string | null])[] = [
    ['Example.COM', 'example.com'],
    ['example.com:8443', 'example.com'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['192.0.2.1:80', '192.0.2.1'],
    ['[2001:DB8::1]:443', '[2001:db8::1]'],
    ['', null],
    ['a.', null],
    ['.a', null],
    ['a..b', null],
    ['a:0', null],
    ['a:65536', null],
    ['a:', null],
    ['a b', null],
    ['user@a', null],
    ['a/b', null],
    ['a,b', null],
    ['[::1', null],
    ['[1.2.3.4]', null],
    ['0x7f.1', '0x7f.1'],
    ['1.2.3', null],
    ['256.1.1.1', null],
    ['01.2.3.4', null],
    ['-a', null],
    ['a'.repeat(64), null],
  ];
  for (const [value, host] of hosts) assert.equal(parseHost(value), host, value);
});
