// Random bodies: mostly well-formed, then cut, doubled or damaged.
import type { BodyProcessor } from '../../src/seclang/contract.ts';
import type { Random } from './random.ts';

const words = [
  'a',
  'b',
  'name',
  'x y',
  '',
  '<script>',
  "1' or 1",
  '\xc3\xa9',
  '\xff',
  'a"b',
  "a'b",
  '\\',
  '0',
  '-1.5e3',
  '\n',
];
const junk = [
  '\0',
  '"',
  "'",
  '\\',
  '<',
  '>',
  '&',
  '{',
  '[',
  ',',
  ':',
  '--B',
  '\r\n',
  '\n',
  '\r',
  '\xff',
  ' ',
  '=',
  '%',
  ';',
  '-->',
  ']]>',
];

export function randomBody(
  random: Random,
  processor: BodyProcessor,
): { readonly body: string; readonly contentType: string } {
  const makers = { URLENCODED: pairs, MULTIPART: multipart, JSON: json, XML: xml };
  let body = makers[processor](random, random.between(0, 4));
  while (random.chance(0.35)) body = damaged(body, random);
  return { body, contentType: processor === 'MULTIPART' ? contentType(random) : '' };
}

function damaged(body: string, random: Random): string {
  const at = random.below(body.length + 1);
  if (random.chance(0.3))
    return body.slice(0, at) + body.slice(Math.min(body.length, at + random.between(1, 5)));
  if (random.chance(0.2)) return body + body.slice(at);
  if (random.chance(0.1))
    return body.slice(0, at) + random.pick(junk).repeat(random.between(2, 2000)) + body.slice(at);
  return body.slice(0, at) + random.pick(junk) + body.slice(at);
}

const pairs = (random: Random): string =>
  Array.from({ length: random.below(6) }, () => `${random.pick(words)}=${random.pick(words)}`).join('&');

function contentType(random: Random): string {
  const usual = 'multipart/form-data; boundary=B';
  if (random.chance(0.8)) return usual;
  return random.pick([
    'multipart/form-data; boundary="B"',
    'multipart/form-data; charset=utf-8; boundary=B',
    'multipart/form-data;boundary = B ',
    'multipart/form-data boundary=B',
    'multipart/form-data; boundary=B; boundary=C',
    damaged(usual, random),
  ]);
}

function multipart(random: Random): string {
  const end = (): string => (random.chance(0.97) ? '\r\n' : '\n');
  let body = '';
  for (let i = random.below(4); i > 0; i--) {
    const file = random.chance(0.4) ? `; filename="${random.pick(['x.txt', '', 'a\\"b', '../x'])}"` : '';
    body += `--B${end()}Content-Disposition: form-data; name="${random.pick(words)}"${file}${end()}`;
    if (random.chance(0.3)) body += `Content-Type: ${random.pick(words)}${end()}`;
    if (random.chance(0.1)) body += ` folded${end()}`;
    body += `${end()}${random.pick(words)}${random.chance(0.2) ? `${end()}--${random.pick(words)}` : ''}${end()}`;
  }
  return `${body}--B--${random.chance(0.8) ? end() : ''}`;
}

const text = (random: Random): string =>
  random.chance(0.7)
    ? JSON.stringify(random.pick(['a', 'x"y', '', '\u0001', 'k']))
    : random.pick(['"\\u00e9"', '"\\ud83d\\ude00"', '"\\ud800"', '"\xc3\xa9"', '"\\/"']);

function json(random: Random, depth: number): string {
  const kind = depth > 0 ? random.below(6) : random.between(2, 5);
  const list = (make: () => string): string => Array.from({ length: random.below(4) }, make).join(',');
  if (kind === 0) return `{${list(() => `${text(random)}:${json(random, depth - 1)}`)}}`;
  if (kind === 1) return `[ ${list(() => json(random, depth - 1))}\n]`;
  return kind === 2 ? text(random) : random.pick(['0', '-1.5e+3', 'true', 'null', 'false', '12', '1E2']);
}

function xml(random: Random, depth: number): string {
  const name = random.pick(['a', 'n:b', '_c', 'd-1']);
  const attribute = random.chance(0.4) ? ` x="${random.pick(['1', '&lt;', '&#x41;', "'"])}"` : '';
  if (random.chance(0.2)) return `<${name}${attribute}/>`;
  let inside = '';
  for (let i = random.below(4); i > 0; i--)
    inside +=
      depth > 0 && random.chance(0.5)
        ? xml(random, depth - 1)
        : random.pick(['text', '&amp;', '<![CDATA[<x>]]>', '<!-- c -->', '<?p i?>', '\xc3\xa9', '\n']);
  return `${random.chance(0.1) ? '<?xml version="1.0"?>' : ''}<${name}${attribute}>${inside}</${name}>`;
}
