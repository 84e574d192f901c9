// Field lines: what is an end-to-end field, what is framing, and what is refused because two parsers could differ on it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { FieldList } from '../fields/index.ts';
import { FieldLinesResult, findLineEnd, MessageFraming, parseFieldLines } from './field-lines.ts';

function parse(
  lines: string,
  maxFields = 20,
): { result: number; fields: FieldList; framing: MessageFraming } {
  const fields = new FieldList();
  const framing = new MessageFraming();
  return { result: parseFieldLines(`${lines}\r\n`, 0, fields, framing, maxFields), fields, framing };
}

describe('findLineEnd', () => {
  const cases: readonly (readonly [string, number, number])[] = [
    ['a\r\nb', 0, 1],
    ['a\r\nb\r\n', 3, 4],
    ['\r\n', 0, 0],
    ['a\rb\r\n', 0, -1],
    ['a\nb', 0, -1],
    ['a\r', 0, -1],
    ['', 0, -1],
    ['\r\n', 1, -1],
  ];
  for (const [text, from, expected] of cases) {
    test(`${JSON.stringify(text)} from ${from}: ${expected}`, () =>
      assert.equal(findLineEnd(text, from), expected));
  }

  test('property: the first CR decides, and only with its LF', () => {
    const text = fc
      .array(fc.constantFrom('a', '\r', '\n', '\r\n'), { maxLength: 12 })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, fc.nat(14), (input, from) => {
        const rest = /^([^\r]*)\r\n/.exec(input.slice(from));
        assert.equal(findLineEnd(input, from), rest === null ? -1 : from + rest[1]!.length);
      }),
    );
  });
});

describe('parseFieldLines', () => {
  test('values lose the white space around them and nothing else', () => {
    const { result, fields } = parse('A: x\r\nb:y \t\r\nC:\t \r\nD:\r\nE: \tp  q\t\r\nF: \xa0\xe9\r\n');
    assert.equal(result, FieldLinesResult.ok);
    assert.deepEqual(fields.names, ['a', 'b', 'c', 'd', 'e', 'f']);
    assert.deepEqual(fields.values, ['x', 'y', '', '', 'p  q', '\xa0\xe9']);
  });

  const malformed: readonly string[] = [
    ' A: x\r\n',
    'A : x\r\n',
    'A\t: x\r\n',
    ': x\r\n',
    'A\r\n',
    'A: x\r\n y\r\n',
    'A: x\ny\r\n',
    'A: x\ry\r\n',
    'A: x\0\r\n',
    'A: x\x7f\r\n',
    'A(: x\r\n',
    'A\xe9: x\r\n',
    `${'a'.repeat(257)}: x\r\n`,
    'Content-Length: 1\r\nContent-Length: 1\r\n',
    'Content-Length: 1, 1\r\n',
    'Content-Length: +1\r\n',
    'Content-Length: -1\r\n',
    'Content-Length: 0x1\r\n',
    'Content-Length: 1 1\r\n',
    'Content-Length:\r\n',
    'Content-Length: 1234567890123456\r\n',
    'Transfer-Encoding: gzip, chunked\r\n',
    'Transfer-Encoding: chunked, chunked\r\n',
    'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n',
    'Transfer-Encoding: identity\r\n',
    'Transfer-Encoding:\r\n',
    'Transfer-Encoding:\tchunked\r\n',
    'Transfer-Encoding: chunked\t\r\n',
    'Connection: host\r\n',
    'Connection: authorization\r\n',
    'Connection: x-forwarded-for\r\n',
    'Connection: content-length\r\n',
    'Connection: a b\r\n',
    'Connection: close;x\r\n',
    'Proxy-Connection: upgrade\r\n',
    'Expect: 100-continue\r\nExpect: 100-continue\r\n',
  ];
  for (const lines of malformed) {
    test(`refuses ${JSON.stringify(lines.slice(0, 60))}`, () => {
      assert.equal(parse(lines).result, FieldLinesResult.malformed);
    });
  }

  test('framing and connection fields are read and not listed', () => {
    const { result, fields, framing } = parse(
      'Host: a\r\nTRANSFER-ENCODING: Chunked \r\nConnection: close, X-Hop, te\r\nX-Hop: 1\r\nTE: trailers\r\nKeep-Alive: 1\r\nExpect: 100-Continue\r\nUpgrade: WebSocket\r\n',
    );
    assert.equal(result, FieldLinesResult.ok);
    assert.deepEqual(fields.names, ['x-hop']);
    assert.deepEqual(framing.nominated, ['x-hop']);
    assert.equal(framing.host, 'a');
    assert.equal(framing.chunked, true);
    assert.equal(framing.close, true);
    assert.equal(framing.expect, '100-continue');
    assert.equal(framing.upgrade, 'websocket');
  });

  test('Proxy-Connection may only close', () => {
    assert.equal(parse('Proxy-Connection: Close\r\n').framing.close, true);
    const kept = parse('Proxy-Connection: keep-alive\r\n');
    assert.equal(kept.result, FieldLinesResult.ok);
    assert.equal(kept.framing.keepAlive, false);
    assert.equal(kept.fields.length, 0);
  });

  test('field lines are counted', () => {
    assert.equal(parse('a: 1\r\n'.repeat(20)).result, FieldLinesResult.ok);
    assert.equal(parse('a: 1\r\n'.repeat(21)).result, FieldLinesResult.tooMany);
    assert.equal(parse('te: 1\r\n'.repeat(21)).result, FieldLinesResult.tooMany);
  });

  test('a repeated singleton is told', () => {
    assert.equal(parse('Authorization: a\r\nauthorization: b\r\n').framing.singletonRepeated, true);
    assert.equal(parse('Authorization: a\r\nCookie: b\r\nCookie: c\r\n').framing.singletonRepeated, false);
  });

  test('property: the spelling of a name is nothing, its letters are everything', () => {
    const known = fc.constantFrom('accept', 'content-type', 'x-request-id', 'user-agent', 'x-other', 'etag');
    fc.assert(
      fc.property(known, fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }), (name, upper) => {
        const spelled = Array.from(name, (letter, i) =>
          upper[i] === true ? letter.toUpperCase() : letter,
        ).join('');
        assert.deepEqual(parse(`${spelled}: v\r\n`).fields.names, [name]);
        assert.deepEqual(parse(`${spelled}x: v\r\n`).fields.names, [`${name}x`]);
      }),
    );
  });
});
