// Ways to spoil a valid connection: blind ones, byte by byte, and those that request smuggling is made of (two framings,
// line ends that only some parsers see, odd spellings of lengths and codings, fields where no fields belong).
import { randomRequest } from './messages.ts';
import type { Random } from './random.ts';

type Mutation = (text: string, random: Random) => string;

const odd = [
  '\r',
  '\n',
  '\r\n',
  '\n\n',
  '\r\r\n',
  '\0',
  '\t',
  ' ',
  '\x0b',
  '\x0c',
  '\x1f',
  '\x7f',
  '\x80',
  '\x85',
  '\xa0',
  '\xff',
];
const marks = [
  ':',
  ';',
  ',',
  '=',
  '"',
  '\\',
  '#',
  '?',
  '/',
  '_',
  '-',
  '+',
  '0',
  '1',
  'a',
  'f',
  'x',
  '{',
  '<',
  '(',
  ')',
];

const insert = (text: string, at: number, piece: string): string =>
  text.slice(0, at) + piece + text.slice(at);

/** Replaces one occurrence of `pattern`, a different one each time. */
function replaceOne(
  text: string,
  pattern: RegExp,
  random: Random,
  replacement: (found: string) => string,
): string {
  const found = [...text.matchAll(pattern)];
  if (found.length === 0) return text;
  const match = random.pick(found);
  return text.slice(0, match.index) + replacement(match[0]) + text.slice(match.index + match[0].length);
}

/** Puts `lines` behind the start line or another line end of some head. */
const addLines = (text: string, random: Random, lines: string): string =>
  replaceOne(text, / HTTP\/1\.[01]\r\n|\r\n(?=[A-Za-z-]+:)/g, random, (found) => found + lines);

const blind: readonly Mutation[] = [
  (text, random) => insert(text, random.below(text.length + 1), random.pick(odd)),
  (text, random) => insert(text, random.below(text.length + 1), random.pick(marks)),
  (text, random) => {
    const at = random.below(text.length);
    return text.slice(0, at) + random.pick([...odd, ...marks]) + text.slice(at + 1);
  },
  (text, random) => {
    const at = random.below(text.length);
    return (
      text.slice(0, at) +
      String.fromCharCode(text.charCodeAt(at) ^ (1 << random.below(8))) +
      text.slice(at + 1)
    );
  },
  (text, random) => {
    const at = random.below(text.length);
    return text.slice(0, at) + text.slice(at + random.between(1, 4));
  },
  (text, random) => {
    const at = random.below(text.length);
    return insert(text, random.below(text.length + 1), text.slice(at, at + random.between(1, 30)));
  },
  (text, random) => text.slice(0, random.below(text.length + 1)),
];

const lengths = [
  '0',
  '1',
  '3',
  '5',
  '30',
  '+3',
  '-1',
  '-0',
  '003',
  '0x3',
  '3 3',
  '3,3',
  '3, 3',
  '3;',
  "'3'",
  '"3"',
  '1e1',
  '3.0',
  '',
  ' ',
  '9007199254740993',
  '18446744073709551617',
  '4294967299',
  '\x0b3',
  '3\x0c',
  '3\0',
];
const codings = [
  'chunked',
  'Chunked',
  'CHUNKED',
  'identity',
  'gzip',
  'gzip, chunked',
  'chunked, gzip',
  'chunked, chunked',
  'chunked,',
  ', chunked',
  'chunked;q=1',
  'xchunked',
  'chunkedx',
  '"chunked"',
  '',
  '\x0bchunked',
  'chunked\x0c',
  'chunked\0',
  'chun\r\n ked',
  'chunked\r\n',
  '\r\n chunked',
  ' \tchunked \t',
  'chunked\xa0',
  'trailers',
];
const lengthNames = [
  'Content-Length',
  'content-length',
  'Content-Length ',
  ' Content-Length',
  'Content_Length',
  'Content-Length\t',
  'Content-Length\0',
  'Content-Length-X',
  'X-Content-Length',
];
const codingNames = [
  'Transfer-Encoding',
  'transfer-encoding',
  'Transfer-Encoding ',
  ' Transfer-Encoding',
  'Transfer_Encoding',
  'Transfer-Encoding\t',
  '\x0bTransfer-Encoding',
  'Transfer-Encoding\0',
  'X\r\nTransfer-Encoding',
  'X: y\nTransfer-Encoding',
  'X: y\rTransfer-Encoding',
];
const sizes = [
  '0',
  '00',
  '1',
  '5',
  'a',
  'A',
  '0x5',
  '+5',
  '-5',
  ' 5',
  '5 ',
  '5\t',
  '5;',
  '5;x',
  '5;x=y',
  '5;x="y',
  '5; x',
  '5\n',
  '5\r',
  '5\r\r',
  '',
  'g',
  '100000000',
  'fffffffffffffffff',
  '10000000000000005',
  '00000000000000005',
  '5,5',
];
const otherLines = [
  'Host: b.example',
  'Host:',
  'Host : a',
  ' folded',
  '\tfolded',
  ': nameless',
  'noColon',
  'X Y: z',
  'X\0: z',
  'X: a\0b',
  'X: a\rb',
  'X: a\x7fb',
  'X_Y: z',
  'Connection: close',
  'Connection: host',
  'Connection: content-length',
  'Connection: transfer-encoding, keep-alive',
  'Connection: upgrade',
  'Upgrade: websocket',
  'Connection: Upgrade\r\nUpgrade: h2c',
  'Connection: close, keep-alive',
  'Connection: \x0bclose',
  'Connection: "close"',
  'Proxy-Connection: close',
  'Expect: 100-continue',
  'Expect: x',
  'Content-Type: a/b',
  'Authorization: x',
];
const startLines = [
  'GET  / HTTP/1.1',
  'GET / HTTP/1.1 ',
  'GET / HTTP/1.1\t',
  ' GET / HTTP/1.1',
  'GET\t/ HTTP/1.1',
  'GET /\tHTTP/1.1',
  'GET / /b HTTP/1.1',
  'get / HTTP/1.1',
  'GET / http/1.1',
  'GET / HTTP/1.2',
  'GET / HTTP/2.0',
  'GET / HTTP/1.10',
  'GET / HTTP/01.1',
  'GET / HTTP/1,1',
  'GET / HTTP/1.',
  'GET /',
  'GET',
  '/ HTTP/1.1',
  'GET HTTP/1.1',
  'GET  HTTP/1.1',
  'GET x HTTP/1.1',
  'GET http://b.example/ HTTP/1.1',
  'GET //b/ HTTP/1.1',
  'GET /#f HTTP/1.1',
  'GET /\xe9 HTTP/1.1',
  'GET /\\ HTTP/1.1',
  'CONNECT a:80 HTTP/1.1',
  'OPTIONS * HTTP/1.1',
  'GET * HTTP/1.1',
  'PRI * HTTP/2.0',
  'GE(T / HTTP/1.1',
  'G\0T / HTTP/1.1',
  'GET / HTTP/1.1\0',
  'GET / HTTP/1.0',
];

const smuggling: readonly Mutation[] = [
  (text, random) => addLines(text, random, `${random.pick(lengthNames)}: ${random.pick(lengths)}\r\n`),
  (text, random) => addLines(text, random, `${random.pick(codingNames)}: ${random.pick(codings)}\r\n`),
  (text, random) =>
    addLines(text, random, `${random.pick(otherLines)}${random.chance(0.9) ? '\r\n' : random.pick(odd)}`),
  (text, random) =>
    replaceOne(
      text,
      /Content-Length: \d+/g,
      random,
      () => `${random.pick(lengthNames)}: ${random.pick(lengths)}`,
    ),
  (text, random) =>
    replaceOne(
      text,
      /Transfer-Encoding: chunked/g,
      random,
      () => `${random.pick(codingNames)}: ${random.pick(codings)}`,
    ),
  (text, random) => replaceOne(text, /(?<=\r\n)[0-9a-fA-F]{1,3}(?=\r\n)/g, random, () => random.pick(sizes)),
  (text, random) => replaceOne(text, /[A-Z-]+ \S+ HTTP\/1\.[01]/g, random, () => random.pick(startLines)),
  (text, random) => replaceOne(text, /\r\n/g, random, () => random.pick(odd)),
  (text, random) =>
    replaceOne(text, /\r\n\r\n/g, random, () =>
      random.pick([
        '\n\n',
        '\r\n\n',
        '\n\r\n',
        '\r\r',
        '\r\n\r',
        '\r\n \r\n',
        '\r\n\t\r\n',
        '\r\n\r\n\r\n',
        '\r\n\0\r\n',
      ]),
    ),
  (text, random) =>
    replaceOne(text, /: ?/g, random, () =>
      random.pick([' : ', ':\t', ':', '\t: ', ' ', ':\r\n ', ':\n', '::', ':\0']),
    ),
  (text, random) =>
    replaceOne(
      text,
      /\r\n0+\r\n/g,
      random,
      (found) =>
        `${found}${random.pick([...otherLines, 'Content-Length: 5', 'Transfer-Encoding: chunked', 'GET / HTTP/1.1'])}\r\n`,
    ),
  (text, random) => insert(text, random.below(text.length + 1), randomRequest(random)),
];

/** `text` spoiled in one to three ways. */
export function mutate(text: string, random: Random): string {
  for (let i = random.between(1, 3); i > 0; i--) {
    if (text === '') return text;
    text = random.pick(random.chance(0.35) ? blind : smuggling)(text, random);
  }
  return text;
}
