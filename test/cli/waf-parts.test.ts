// The readers behind `gatewright waf`: curl lines, raw requests, archives.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parseCurl, splitWords } from '../../src/cli/waf/curl.ts';
import { completeRequest, encodeRawRequest, RequestSyntaxError } from '../../src/cli/waf/request.ts';
import { readTar, TarError } from '../../src/cli/waf/tar.ts';
import { targetOf } from '../../src/guards/inspect/tuning.ts';
import { makeTar } from '../support/tar.ts';

describe('curl lines', () => {
  const headerOf = (line: string, name: string) =>
    parseCurl(line).headers.find(([key]) => key.toLowerCase() === name)?.[1];

  test('words keep what the shell keeps', () => {
    assert.deepEqual(splitWords(`curl  'a b' "c \\"d\\" \\$e \\f" g\\ h $'i\\n\\x41\\'' '' \\\n  j"k"'l'`), [
      'curl',
      'a b',
      'c "d" $e \\f',
      'g h',
      "i\nA'",
      '',
      'jkl',
    ]);
    assert.throws(() => splitWords("a 'b"), RequestSyntaxError);
    assert.throws(() => splitWords('a "b'), RequestSyntaxError);
  });

  test('any words come back when they are quoted', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (words) => {
        const line = words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
        assert.deepEqual(splitWords(line), words);
      }),
    );
  });

  test('a plain one is a GET of what stands there', () => {
    const { method, target, headers, body } = parseCurl("curl -sS 'https://api.example.com/a/../b?q=%27'");
    assert.deepEqual([method, target, body.length], ['GET', '/a/../b?q=%27', 0]);
    assert.deepEqual(headers[0], ['Host', 'api.example.com']);
  });

  test('data makes a POST with a form', () => {
    const { method, body } = parseCurl('curl http://x/ -d a=1 -d b=2');
    assert.deepEqual([method, body.toString()], ['POST', 'a=1&b=2']);
    assert.equal(headerOf('curl http://x/ -d a=1', 'content-type'), 'application/x-www-form-urlencoded');
    assert.equal(headerOf('curl http://x/ -d é', 'content-length'), '2');
  });

  test('options that decide what goes on the wire', () => {
    assert.equal(parseCurl('curl -XPUT http://x/').method, 'PUT');
    assert.equal(parseCurl('curl -I http://x/').method, 'HEAD');
    assert.equal(parseCurl('curl -G http://x/?a=1 -d b=2').target, '/?a=1&b=2');
    assert.equal(headerOf('curl --json {} http://x/', 'content-type'), 'application/json');
    assert.equal(headerOf('curl -u a:b http://x/', 'authorization'), 'Basic YTpi');
    assert.equal(headerOf("curl -H'X-A: 1' http://x/", 'x-a'), '1');
    assert.equal(headerOf('curl --header=X-A:1 http://x/', 'x-a'), '1');
    assert.equal(headerOf('curl -b a=b http://x/', 'cookie'), 'a=b');
    assert.equal(parseCurl('curl http://x/ --data-urlencode "q=a b&c"').body.toString(), 'q=a%20b%26c');
    const read = (): Buffer => Buffer.from('a\nb');
    assert.equal(parseCurl('curl http://x/ -d @f', read).body.toString(), 'ab');
    assert.equal(parseCurl('curl http://x/ --data-binary @f', read).body.toString(), 'a\nb');
    assert.equal(parseCurl('curl http://x/ --data-raw @f', read).body.toString(), '@f');
    const form = parseCurl('curl http://x/ -F a=1 -F "f=@dir/n.txt;type=text/plain"', read).body.toString();
    assert.match(form, /name="a"\r\n\r\n1\r\n/);
    assert.match(form, /name="f"; filename="n.txt"\r\nContent-Type: text\/plain\r\n\r\na\nb\r\n/);
  });

  test('what is not understood is said, not passed over', () => {
    for (const line of [
      'curl',
      'curl http://x/ http://y/',
      'curl --frobnicate 1 http://x/',
      'curl http://x/ -X',
    ]) {
      assert.throws(() => parseCurl(line), RequestSyntaxError, line);
    }
  });
});

test('raw requests of files get the line ends and the length of a client', () => {
  assert.equal(
    encodeRawRequest(Buffer.from('POST / HTTP/1.1\nHost: a\nContent-Length: 99\n\nabc\n')).toString(),
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc',
  );
  assert.equal(
    encodeRawRequest(Buffer.from('GET / HTTP/1.1\nHost: a\n')).toString(),
    'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  );
});

test('requests of parts are completed as clients do', () => {
  const { target, headers } = completeRequest({
    method: null,
    url: "/a?q=' or 1=1",
    headers: [],
    body: null,
  });
  assert.deepEqual([target, headers], ["/a?q='%20or%201=1", [['Host', 'localhost']]]);
  assert.throws(
    () => completeRequest({ method: null, url: 'a b', headers: [], body: null }),
    RequestSyntaxError,
  );
});

test('targets of exclusions stand for all positions of an array', () => {
  assert.equal(targetOf('ARGS:comment'), 'ARGS:comment');
  assert.equal(targetOf('REQUEST_URI'), 'REQUEST_URI');
  assert.equal(targetOf('ARGS:json.tags.array_12.name'), 'ARGS:/^json\\.tags\\.array_\\d+\\.name$/');
  assert.equal(targetOf('ARGS:my_array_1'), 'ARGS:my_array_1');
});

describe('archives', () => {
  test('files come out as they went in', () => {
    const long = `${'d/'.repeat(60)}${'n'.repeat(90)}.conf`;
    const files = [
      { path: 'a/b.conf', content: 'x'.repeat(1000) },
      { path: 'empty', content: '' },
      { path: long, content: 'long' },
    ];
    assert.deepEqual(
      readTar(makeTar(files)).map(({ path, content }) => ({ path, content: content.toString() })),
      files,
    );
  });

  const evil: readonly (readonly [string, Parameters<typeof makeTar>[0][number]])[] = [
    ['a path that leads up', { path: '../x', content: '' }],
    ['a path that leads up within', { path: 'a/../../x', content: '' }],
    ['an absolute path', { path: '/etc/passwd', content: '' }],
    ['a path of Windows', { path: 'a\\..\\x', content: '' }],
    ['a drive', { path: 'c:x', content: '' }],
    ['a symbolic link', { path: 'link', content: '', type: '2' }],
    ['a hard link', { path: 'link', content: '', type: '1' }],
    ['a device', { path: 'dev', content: '', type: '3' }],
  ];
  for (const [name, file] of evil) {
    test(`${name} is refused`, () => assert.throws(() => readTar(makeTar([file])), TarError));
  }

  test('damage is noticed, whatever it is', () => {
    const archive = makeTar([{ path: 'a', content: 'abc' }]);
    fc.assert(
      fc.property(fc.nat(archive.length - 1), fc.nat(255), (at, byte) => {
        const copy = Buffer.from(archive);
        copy[at] = byte;
        try {
          for (const { path } of readTar(copy)) assert.ok(!path.startsWith('/') && !path.includes('..'));
        } catch (error) {
          assert.ok(error instanceof TarError, String(error));
        }
      }),
    );
    assert.throws(() => readTar(archive.subarray(0, 514)), TarError);
  });
});
