// Bodies by examples: what comes out, which flags are up, and what is an error.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { BodyLimits, MultipartFlags, ParsedBody, XmlElement } from '../contract.ts';
import { parseArguments, parseBody } from './index.ts';

const limits: BodyLimits = { maxArguments: 100, maxDepth: 20 };
const pairs = (body: ParsedBody): [string, string][] => body.args.map(({ name, value }) => [name, value]);
const utf8 = (text: string): string => Buffer.from(text).toString('latin1');

describe('urlencoded', () => {
  const parse = (body: string): ParsedBody => parseBody('URLENCODED', body, '', limits);

  test('pairs, coding that is not valid stays', () => {
    assert.deepEqual(pairs(parse('a=1&b=%41+c&=x&d&e=%zz%4&f=1=2&&a=3;g=1&%61%62=%00')), [
      ['a', '1'],
      ['b', 'A c'],
      ['', 'x'],
      ['d', ''],
      ['e', '%zz%4'],
      ['f', '1=2'],
      ['', ''],
      ['a', '3;g=1'],
      ['ab', '\0'],
    ]);
    assert.deepEqual(pairs(parse('')), []);
  });

  test('another separator', () => {
    assert.deepEqual(parseArguments('a=1;b=2&c', ';', 10), [
      { name: 'a', value: '1' },
      { name: 'b', value: '2&c' },
    ]);
  });

  test('too many', () => {
    const body = parse('a&'.repeat(101));
    assert.equal(body.args.length, 100);
    assert.match(body.error, /more than 100/);
    assert.equal(parse('a&'.repeat(100)).error, '');
  });
});

describe('json', () => {
  const parse = (body: string): ParsedBody => parseBody('JSON', body, '', limits);

  const good: readonly (readonly [string, [string, string][]])[] = [
    [
      '{"a":{"b":1,"c":[1,"x",{"d":null}]},"e":true,"":"x"}',
      [
        ['json.a.b', '1'],
        ['json.a.c.array_0', '1'],
        ['json.a.c.array_1', 'x'],
        ['json.a.c.array_2.d', ''],
        ['json.e', 'true'],
        ['json.empty-key', 'x'],
      ],
    ],
    ['"str"', [['json', 'str']]],
    [' 5 ', [['json', '5']]],
    [
      '[1,[2],[],{}]',
      [
        ['json.array_0', '1'],
        ['json.array_1.array_0', '2'],
      ],
    ],
    [
      '{"a":1,"a":2}',
      [
        ['json.a', '1'],
        ['json.a', '2'],
      ],
    ],
    ['{"a":-1.50e+3}', [['json.a', '-1.50e+3']]],
    [
      '{"\\u00e9\\n":"\\ud83d\\ude00\\u20ac\\/\\ud800x\\udc00"}',
      [[`json.${utf8('é')}\n`, `${utf8('😀€')}/?x?`]],
    ],
    [utf8('{"k":"é"}'), [['json.k', utf8('é')]]],
    ['', []],
  ];
  for (const [text, expected] of good)
    test(text, () => {
      const body = parse(text);
      assert.equal(body.error, '');
      assert.deepEqual(pairs(body), expected);
    });

  const bad = [
    '{',
    '{"a"',
    '{"a":',
    '{"a":1',
    '{"a":1,}',
    '[1,]',
    '[1 2]',
    "{'a':1}",
    '{a:1}',
    '{"a":01}',
    '{"a":1.}',
    '{"a":+1}',
    '{"a":NaN}',
    '"\\x41"',
    '"\\u00g0"',
    '"a\nb"',
    '"a',
    'tru',
    '1 2',
    '{"a":1}x',
    ']',
    ' ',
    '\xef\xbb\xbf{}',
    '"\xe9"',
    '/* */1',
    '\0',
  ];
  for (const text of bad)
    test(`error: ${JSON.stringify(text)}`, () => {
      assert.match(parse(text).error, /^JSON: /);
    });

  test('depth and count are bounded', () => {
    assert.equal(parse(`${'['.repeat(20)}1${']'.repeat(20)}`).error, '');
    assert.match(parse(`${'['.repeat(21)}1${']'.repeat(21)}`).error, /deeper than 20/);
    assert.match(parse('['.repeat(1_000_000)).error, /deeper than 20/);
    assert.match(parse(`[${'1,'.repeat(100)}1]`).error, /more than 100/);
  });

  test('what names cost together is bounded', () => {
    const long = `{"${'k'.repeat(100_000)}":[${'1,'.repeat(90)}1]}`;
    assert.match(parse(long).error, /names of more than/);
  });

  test('what was read before an error is kept', () => {
    assert.deepEqual(pairs(parse('{"a":"<script>","b":}')), [['json.a', '<script>']]);
  });
});

describe('xml', () => {
  const parse = (body: string): ParsedBody => parseBody('XML', body, '', limits);
  const textOf = (element: XmlElement): string =>
    element.children.map((child) => (typeof child === 'string' ? child : textOf(child))).join('');

  test('a document', () => {
    const { xml, error } = parse(
      '<?xml version="1.0" encoding="UTF-8"?>\r\n<!-- c --><a x="1&#x41;&quot;">\n<n:b y=\'2\t&lt;\'>t&amp;1</n:b> t2<![CDATA[<c>]]><?pi x?><e/></a>\n<!-- end -->',
    );
    assert.equal(error, '');
    assert.deepEqual(xml, {
      name: 'a',
      attributes: [{ name: 'x', value: '1A"' }],
      children: [
        '\n',
        { name: 'n:b', attributes: [{ name: 'y', value: '2 <' }], children: ['t&1'] },
        ' t2',
        '<c>',
        { name: 'e', attributes: [], children: [] },
      ],
    });
    assert.equal(textOf(xml!), '\nt&1 t2<c>');
  });

  test('line ends become LF, references become UTF-8', () => {
    assert.equal(textOf(parse('<a>1\r\n2\r3&#8364;&#13;</a>').xml!), `1\n2\n3${utf8('€')}\r`);
    assert.equal(textOf(parse('\xef\xbb\xbf<a>\xc3\xa9</a>').xml!), '\xc3\xa9');
    assert.equal(textOf(parse('<?xml version="1.0" encoding="iso-8859-1"?><a>\xe9</a>').xml!), '\xe9');
  });

  const bad = [
    '<a>',
    '<a></b>',
    '</a>',
    '<a/><b/>',
    'x<a/>',
    '<a/>x',
    '<a b=1/>',
    '<a b="1" b="2"/>',
    '<a b="1"c="2"/>',
    '<a b="<"/>',
    '<a>&nbsp;</a>',
    '<a>&</a>',
    '<a>&#0;</a>',
    '<a>&#x110000;</a>',
    '<a>]]></a>',
    '<a><!-- -- --></a>',
    '<a><![CDATA[x]]</a>',
    '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>',
    '<!DOCTYPE a><a/>',
    '<?xml version="1.0" encoding="UTF-7"?><a/>',
    '<?xml version="1.0" encoding="UTF-16"?><a/>',
    ' <?xml version="1.0"?><a/>',
    '<a>\xe9</a>',
    '<a>\0</a>',
    '\xff\xfe<\0a\0/\0>\0',
    '<1/>',
    '<a ',
    ' ',
  ];
  for (const text of bad)
    test(`error: ${JSON.stringify(text)}`, () => {
      assert.match(parse(text).error, /^XML: /);
    });

  test('depth and size are bounded', () => {
    assert.equal(parse('<a>'.repeat(20) + '</a>'.repeat(20)).error, '');
    assert.match(parse('<a>'.repeat(21) + '</a>'.repeat(21)).error, /deeper than 20/);
    assert.match(parse(`<a>${'<b/>'.repeat(100_001)}</a>`).error, /more than 100000/);
  });

  test('what was read before an error is kept', () => {
    assert.equal(textOf(parse('<a>evil<b></a>').xml!), 'evil');
  });
});

describe('multipart', () => {
  const type = 'multipart/form-data; boundary=B';
  const lines = (...all: string[]): string => all.join('\r\n');
  const field = 'Content-Disposition: form-data; name="a"';
  const ok = lines('--B', field, '', 'v', '--B--', '');
  const parse = (body: string, contentType = type): ParsedBody =>
    parseBody('MULTIPART', body, contentType, limits);
  const raised = (body: ParsedBody): string[] =>
    Object.entries(body.multipart!)
      .filter(([, isUp]) => isUp)
      .map(([name]) => name as keyof MultipartFlags)
      .filter((name) => name !== 'strictError' || body.error !== '')
      .sort();

  test('fields and files', () => {
    const body = parse(
      lines(
        '--B',
        field,
        '',
        'v1',
        '--C',
        'v2',
        '--B',
        'Content-Disposition: form-data; name="f\\"1"; filename="C:\\\\x.txt"',
        'Content-Type: text/plain',
        '',
        'da\nta',
        '--B',
        'Content-Disposition: form-data; name="none"; filename=""',
        '',
        '',
        '--B--',
        '',
      ),
    );
    assert.equal(body.error, '');
    assert.deepEqual(raised(body), []);
    assert.deepEqual(pairs(body), [
      ['a', 'v1\r\n--C\r\nv2'],
      ['none', ''],
    ]);
    assert.deepEqual(body.files, [{ field: 'f"1', filename: 'C:\\x.txt', size: 5, content: 'da\nta' }]);
    assert.deepEqual(body.partHeaders[2], { part: 'f"1', line: 'Content-Type: text/plain' });
  });

  const flagged: readonly (readonly [string, string, string, readonly string[]])[] = [
    ['no line end after the last boundary', ok.slice(0, -2), type, []],
    ['a preamble', `x\r\n${ok}`, type, ['dataBefore']],
    ['an empty line before', `\r\n${ok}`, type, ['dataBefore']],
    ['another boundary before', `--C\r\n${ok}`, type, ['dataBefore', 'unmatchedBoundary']],
    ['an epilogue', `${ok}x`, type, ['dataAfter']],
    ['a second body behind', ok + ok, type, ['dataAfter']],
    ['LF alone', ok.replaceAll('\r\n', '\n'), type, ['lfLine']],
    ['one LF', ok.replace('\r\n', '\n'), type, ['crlfLfLines', 'lfLine']],
    ['an LF before a boundary', ok.replace('v\r\n', 'v\n'), type, ['crlfLfLines', 'lfLine']],
    ['a folded header', ok.replace('; name', ';\r\n name'), type, ['headerFolding']],
    ['single quotes', ok.replaceAll('"', "'"), type, ['invalidQuoting']],
    ['a quote inside', ok.replace('"a"', "a'b"), type, ['invalidQuoting']],
    ['the boundary in other letters', lines('--B', field, '', '--b', '--B--'), type, ['unmatchedBoundary']],
    ['a quoted boundary', ok, 'multipart/form-data; boundary="B"', ['boundaryQuoted']],
    ['space after the boundary', ok, 'multipart/form-data; boundary=B ', ['boundaryWhitespace']],
    ['space around =', ok, 'multipart/form-data; boundary = B', ['boundaryWhitespace']],
    ['no semicolon', ok, 'multipart/form-data boundary=B', ['missingSemicolon']],
    ['a parameter before', ok, 'multipart/form-data; charset=utf-8; boundary=B', []],
    ['no value in quotes', ok.replace('"a"', 'a'), type, []],
    ['no body', '', type, []],
    ['no part', '--B--\r\n', type, []],
  ];
  for (const [name, body, contentType, expected] of flagged)
    test(name, () => {
      const parsed = parse(body, contentType);
      assert.equal(parsed.error, '');
      assert.deepEqual(raised(parsed), expected);
      const isStrict = expected.some((flag) => flag !== 'unmatchedBoundary');
      assert.equal(parsed.multipart!.strictError, isStrict);
    });

  const broken: readonly (readonly [string, string, string, readonly string[]])[] = [
    ['no final boundary', ok.replace('--B--', '--B'), type, ['invalidPart']],
    ['no boundary at all', 'garbage', type, ['dataBefore']],
    ['cut in the content', ok.slice(0, ok.indexOf('\r\n--B--')), type, []],
    ['text behind a boundary', ok.replace('--B--', '--Bx'), type, ['unmatchedBoundary']],
    ['space behind a boundary', ok.replace('--B\r', '--B \r'), type, ['unmatchedBoundary']],
    [
      'a folded first header',
      ok.replace('Content', ' Content'),
      type,
      ['headerFolding', 'invalidHeaderFolding'],
    ],
    ['two names', ok.replace('"a"', '"a"; name="b"'), type, ['invalidPart']],
    ['an unknown parameter', ok.replace('"a"', '"a"; x="b"'), type, ['invalidPart']],
    ['filename*', ok.replace('"a"', '"a"; filename*=UTF-8\'\'x'), type, ['invalidPart']],
    ['no semicolon between', ok.replace('"a"', '"a" filename="b"'), type, ['invalidPart', 'invalidQuoting']],
    ['an open quote', ok.replace('"a"', '"a'), type, ['invalidPart', 'invalidQuoting']],
    ['no name', ok.replace('; name="a"', ''), type, ['invalidPart']],
    ['an empty name', ok.replace('"a"', '""'), type, ['invalidPart']],
    ['a filename alone', ok.replace('name=', 'filename='), type, ['invalidPart']],
    ['not form-data', ok.replace('form-data', 'attachment'), type, ['invalidPart']],
    ['no disposition', ok.replace(field, 'X: y'), type, ['invalidPart']],
    ['two dispositions', ok.replace(field, `${field}\r\n${field}`), type, ['invalidPart']],
    ['a header without colon', ok.replace(field, `${field}\r\nx`), type, []],
    ['NUL in a header', ok.replace('"a"', '"a\0"'), type, ['invalidPart']],
    ['no empty line', ok.replace('\r\n\r\nv', ''), type, ['invalidPart']],
    ['a body of another type', ok, 'text/plain', []],
    ['no boundary named', ok, 'multipart/form-data', []],
    ['two boundaries named', ok, 'multipart/form-data; boundary=B; boundary=C', []],
    ['capitals', ok, 'multipart/form-data; BOUNDARY=B', []],
    ['a quote on one side', ok, 'multipart/form-data; boundary="B', []],
    ['an empty boundary', ok, 'multipart/form-data; boundary=', []],
    ['a comma', ok, 'multipart/form-data, boundary=B', []],
    ['a strange character', ok, 'multipart/form-data; boundary=B@', []],
    ['a boundary that is too long', ok, `multipart/form-data; boundary=${'B'.repeat(71)}`, []],
  ];
  for (const [name, body, contentType, expected] of broken)
    test(`error: ${name}`, () => {
      const parsed = parse(body, contentType);
      assert.match(parsed.error, /^Multipart: /);
      assert.deepEqual(raised(parsed), [...expected, 'strictError'].sort());
    });

  test('what stands before an error is kept', () => {
    const body = parse(ok.replace('v', '<script>').replace('--B--', ''));
    assert.match(body.error, /final boundary is missing/);
    assert.deepEqual(pairs(body), [['a', '<script>\r\n\r\n']]);
  });

  test('parts and files are bounded', () => {
    const part = (i: number, more = ''): string[] => [`--B`, `${field}${more}`, '', String(i)];
    const many = (count: number, more?: string): string =>
      lines(...Array.from({ length: count }, (_, i) => part(i, more)).flat(), '--B--');
    assert.equal(parse(many(100)).error, '');
    assert.match(parse(many(101)).error, /more than 100 parts/);
    const files = parseBody('MULTIPART', many(101, '; filename="x"'), type, {
      ...limits,
      maxArguments: 1000,
    });
    assert.match(files.error, /more than 100 files/);
    assert.equal(files.multipart!.fileLimitExceeded, true);
  });
});
