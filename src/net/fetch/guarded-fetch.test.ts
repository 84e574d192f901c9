import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { FetchError, guardedFetch, isPublicAddress, refuseUrl } from '../index.ts';

test('addresses inside of networks are not public, however they are written', () => {
  const inside = [
    '127.0.0.1',
    '10.1.2.3',
    '172.31.255.255',
    '192.168.0.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
  ];
  inside.push(
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    'fe80::1',
    'fc00::1',
    'fd00:ec2::254',
    'ff02::1',
    '2001:db8::1',
  );
  inside.push(
    '::ffff:10.0.0.1',
    '::ffff:127.0.0.1',
    '2002:7f00:1::',
    '64:ff9b::7f00:1',
    'localhost',
    '',
    '1.2.3',
    'x',
  );
  for (const address of inside) assert.equal(isPublicAddress(address), false, address);
  for (const address of ['1.1.1.1', '8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1', '::ffff:1.1.1.1'])
    assert.equal(isPublicAddress(address), true, address);
});

test('every private IPv4 address is refused in a URL, in any notation that URLs know', () => {
  const octet = fc.integer({ min: 0, max: 255 });
  fc.assert(
    fc.property(fc.constantFrom(10, 127, 0), octet, octet, octet, (a, b, c, d) => {
      const value = ((a * 256 + b) * 256 + c) * 256 + d;
      const hex = (n: number): string => `0x${n.toString(16)}`;
      const forms = [`${a}.${b}.${c}.${d}`, String(value), hex(value), `${hex(a)}.${b}.${c * 256 + d}`];
      forms.push(`0${a.toString(8)}.${b}.${c}.${d}`, `[::ffff:${a}.${b}.${c}.${d}]`);
      for (const host of forms) assert.notEqual(refuseUrl(`https://${host}/`, 'public'), null, host);
    }),
  );
});

test('only https, http only here, never with credentials, never link-local', () => {
  assert.equal(refuseUrl('https://login.example.com/keys', 'public'), null);
  assert.equal(refuseUrl('http://127.0.0.1:8080/keys', 'anywhere'), null);
  assert.equal(refuseUrl('https://10.0.0.1/keys', 'anywhere'), null);
  for (const url of ['http://127.0.0.1/', 'https://localhost:1/', 'https://10.0.0.1/', 'http://example.com/'])
    if (url !== 'https://localhost:1/') assert.notEqual(refuseUrl(url, 'public'), null, url);
  for (const url of [
    'http://example.com/',
    'ftp://example.com/',
    'file:///etc/passwd',
    'gopher://127.0.0.1/',
    'https://me:secret@example.com/',
    'https://169.254.169.254/latest',
    'https://[fe80::1]/',
    'x',
  ])
    assert.notEqual(refuseUrl(url, 'anywhere'), null, url);
});

async function startServer(
  t: TestContext,
  answer: (path: string) => [number, Record<string, string>, string],
) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const [status, headers, body] = answer(request.url ?? '');
    response.writeHead(status, headers).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return {
    asked,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    port: (server.address() as AddressInfo).port,
  };
}

const limits = { timeoutMs: 2000, maxBytes: 1000 };

test('redirects are not followed, long answers are cut off, and names that lead inside are not connected to', async (t) => {
  const { url, asked, port } = await startServer(t, (path) =>
    path === '/far' ? [302, { location: '/else' }, ''] : [200, {}, 'x'.repeat(path === '/long' ? 5000 : 5)],
  );
  const answer = await guardedFetch({ url: `${url}/far`, reach: 'anywhere', ...limits });
  assert.deepEqual([answer.status, asked], [302, ['/far']]);
  await assert.rejects(guardedFetch({ url: `${url}/long`, reach: 'anywhere', ...limits }), /too much/);
  assert.equal((await guardedFetch({ url: `${url}/short`, reach: 'anywhere', ...limits })).body, 'xxxxx');
  // "localhost" is a name; that it leads inside is found when it is looked up.
  await assert.rejects(
    guardedFetch({ url: `https://localhost:${port}/`, reach: 'public', ...limits }),
    (error) => error instanceof FetchError && /none of its addresses/.test(error.message),
  );
  assert.equal(asked.length, 3);
});

test('a server that does not answer in time, or at all', async (t) => {
  const server = createServer(() => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  await assert.rejects(guardedFetch({ url, reach: 'anywhere', timeoutMs: 50, maxBytes: 10 }), /too late/);
  await assert.rejects(
    guardedFetch({ url: 'http://127.0.0.1:1/', reach: 'anywhere', ...limits }),
    /ECONNREFUSED/,
  );
});
