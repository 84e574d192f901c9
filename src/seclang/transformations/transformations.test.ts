// Every transformation by examples; the property tests against plain versions stand in reference.test.ts.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { findTransformation, transformationNames } from './index.ts';

const run = (name: string, value: string): string => findTransformation(name)!.run(value);

const examples: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  base64Decode: [
    ['YWJj', 'abc'],
    ['YWI=', 'ab'],
    ['YWI', 'ab'],
    ['YWJj!ZGVm', 'abc'],
    ['', ''],
  ],
  base64DecodeExt: [
    ['YW.Jj', 'abc'],
    ['P.HNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==', '<script>alert(1)</script>'],
  ],
  base64Encode: [['abc\xff', 'YWJj/w==']],
  cmdLine: [
    ['C^OMMAND /C "cat"  /etc/pass\'wd\'', 'command/c cat/etc/passwd'],
    ['a,,;b (x)', 'a b(x)'],
    ['plain words', 'plain words'],
  ],
  compressWhitespace: [
    ['a \t\r\n b\xa0c', 'a b c'],
    ['a b', 'a b'],
  ],
  cssDecode: [
    ['ja\\vascript', 'javascript'],
    ['ja\\\nvascript', 'javascript'],
    ['\\6a\\61 vascript', 'javascript'],
    ['\\00ff1cscript', '<script'],
    ['\\1ff1c', '\x1c'],
    ['a\\', 'a'],
  ],
  escapeSeqDecode: [
    ['\\a\\b\\f\\n\\r\\t\\v\\?\\\'\\"\\\\', '\x07\b\f\n\r\t\v?\'"\\'],
    ['\\x41\\101\\0', 'AA\0'],
    ['\\xzz\\8', 'xzz8'],
    ['a\\', 'a\\'],
  ],
  hexDecode: [['414243', 'ABC']],
  hexEncode: [['AB\xff', '4142ff']],
  htmlEntityDecode: [
    ['&lt;a&GT;&quot;&amp;&nbsp;', '<a>"&\xa0'],
    ['&#60;&#x3c;&#X3C&#060', '<<<<'],
    ['&#0;', '\0'],
    ['&unknown; & &# &#x &;', '&unknown; & &# &#x &;'],
    ['&#99999999999999999999999999999;', '\xff'],
  ],
  jsDecode: [
    ['\\u0041\\x41\\101\\uff1c', 'AAA<'],
    ['\\477', "'7"],
    ['\\n\\q\\', '\nq\\'],
  ],
  length: [['abc', '3']],
  lowercase: [['AbC\xc9', 'abc\xc9']],
  uppercase: [['aBc\xe9', 'ABC\xe9']],
  none: [['A%41', 'A%41']],
  normalizePath: [
    ['/a/b/../c/./d', '/a/c/d'],
    ['//a///b', '/a/b'],
    ['/../../etc', '/etc'],
    ['../../etc', '../../etc'],
    ['a/..', ''],
    ['/a/b..', '/a/b..'],
    ['..', '..'],
    ['/', '/'],
    ['', ''],
  ],
  normalisePathWin: [['\\a\\..\\b', '/b']],
  parityEven7bit: [['ac', '\xe1c']],
  parityZero7bit: [['\xe1b', 'ab']],
  removeComments: [
    ['a/* b */c<!-- d -->e', 'ace'],
    ['a/* b', 'a '],
    ['a-- b', 'a'],
    ['a#b', 'a'],
  ],
  removeCommentsChar: [['a/*b*/c<!--d-->e--f#', 'abcdef']],
  removeNulls: [['a\0b', 'ab']],
  removeWhitespace: [['a \t\n\r\v\f\xa0b\xc2\xa0', 'ab']],
  replaceComments: [
    ['a/**/b/* c */d', 'a b d'],
    ['a/*/b', 'a '],
    ['a*/b', 'a*/b'],
  ],
  replaceNulls: [['a\0b', 'a b']],
  sqlHexDecode: [
    ['x=0x414243 or 0X41', 'x=ABC or A'],
    ['0x4', '0x4'],
  ],
  trim: [[' \t a b \n', 'a b']],
  trimLeft: [[' a ', 'a ']],
  trimRight: [[' a ', ' a']],
  urlDecode: [
    ['a%20b+c%zz%4', 'a b c%zz%4'],
    ['%u0041', '%u0041'],
  ],
  urlDecodeUni: [
    ['%u0041%U0062%uff1cscript%uff1e', 'Ab<script>'],
    ['%u00e9%u2019', "e'"],
    ['%u004', '%u004'],
    ['a+%41', 'a A'],
  ],
  urlEncode: [['a b*~\xff', 'a+b*%7e%ff']],
  utf8toUnicode: [
    ['\xc3\xa9', '%u00e9'],
    ['\xe2\x82\xac', '%u20ac'],
    ['\xf0\x9f\x98\x80', '%u1f600'],
    ['a\xff\xc0\xafb', 'a\xff\xc0\xafb'],
  ],
};

describe('examples', () => {
  for (const [name, pairs] of Object.entries(examples))
    test(name, () => {
      for (const [input, output] of pairs) assert.equal(run(name, input), output, JSON.stringify(input));
    });

  test('digests are raw bytes', () => {
    const hex = (text: string): string => Buffer.from(text, 'latin1').toString('hex');
    assert.equal(hex(run('md5', '')), 'd41d8cd98f00b204e9800998ecf8427e');
    assert.equal(hex(run('sha1', '')), 'da39a3ee5e6b4b0d3255bfef95601890afd80709');
    assert.equal(hex(run('sha1', '\xe9')), '1599e9fa41ec68c80230491902786bee889f5bcb');
  });
});

test('names are found in any case, and only those', () => {
  assert.equal(findTransformation('URLDECODEUNI')?.name, 'urlDecodeUni');
  assert.equal(findTransformation('urlDecodeX'), null);
  assert.equal(findTransformation('constructor'), null);
  assert.equal(
    new Set(transformationNames.map((name) => name.toLowerCase())).size,
    transformationNames.length,
  );
});
