// Valid requests, as latin1 text: every form that the standard has for methods, targets, fields and bodies, so that
// mutations start from something that both parsers read to its end.
import type { Random } from './random.ts';

const TOKEN = "!#$%&'*+-.^`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const PATH = "abcXYZ019-._~!$&'()*+,=:@";
const QUERY = `${PATH}/?`;
const VALUE = ' \t!"#$%&\'()*+,-./0:;<=>?@AZ[\\]^_`az{|}~\x80\xa0\xe9\xff';

const methods =
  'GET GET GET HEAD POST POST PUT DELETE PATCH OPTIONS QUERY PROPFIND REPORT SEARCH LINK LOCK COPY M-SEARCH PURGE TRACE'.split(
    ' ',
  );

const knownFields: readonly (readonly [string, readonly string[]])[] = [
  ['Accept', ['*/*', 'application/json, text/plain;q=0.5', '']],
  ['Accept-Encoding', ['gzip, br']],
  ['Authorization', ['Bearer abc.def.ghi', 'Basic dTpw']],
  ['Content-Type', ['application/json', 'text/plain; charset=utf-8']],
  ['Cookie', ['a=1', 'a=1; b=2']],
  ['Connection', ['keep-alive', 'Keep-Alive', 'close', 'keep-alive, x-hop', 'te, close', 'x-hop', '']],
  ['Expect', ['100-continue', '100-Continue']],
  ['If-None-Match', ['"x"', 'W/"x", "y"']],
  ['Keep-Alive', ['timeout=5']],
  ['Origin', ['https://a.example']],
  ['TE', ['trailers']],
  ['Trailer', ['x-sum']],
  ['User-Agent', ['curl/8.0', 'Mozilla/5.0 (X11; Linux x86_64)']],
  ['X-Forwarded-For', ['192.0.2.1', '192.0.2.1, 2001:db8::1']],
  ['X-Hop', ['1']],
];

export interface Field {
  readonly name: string;
  readonly value: string;
}

function randomTarget(random: Random): string {
  let path = '';
  for (let i = random.between(0, 3); i >= 0; i--) path += `/${random.text(PATH, random.between(0, 6))}`;
  if (random.chance(0.2)) path += '%20%C3%A9';
  if (random.chance(0.3)) path += `?${random.text(QUERY, random.between(0, 12))}`;
  if (random.chance(0.05)) return `http://host.example${path}`;
  return random.chance(0.02) ? '*' : path;
}

export function randomFields(random: Random, most: number): Field[] {
  return Array.from({ length: random.between(0, most) }, () => {
    if (random.chance(0.7)) {
      const [name, values] = random.pick(knownFields);
      const spelled = random.chance(0.2)
        ? random.chance(0.5)
          ? name.toLowerCase()
          : name.toUpperCase()
        : name;
      return { name: spelled, value: random.pick(values) };
    }
    return {
      name: random.text(TOKEN, random.between(1, 12)),
      value: random.text(VALUE, random.between(0, 20)),
    };
  });
}

export const randomBody = (random: Random, most: number): string =>
  random.text('abc\r\n\0 0123456789:GET/HTP.\xff', random.between(0, most));

/** `body` in the chunked coding, with trailers at times. */
export function chunked(random: Random, body: string): string {
  let out = '';
  for (let at = 0; at < body.length; ) {
    const size = random.between(1, Math.min(20, body.length - at));
    const digits = size.toString(16);
    out += `${random.chance(0.1) ? digits.toUpperCase().padStart(3, '0') : digits}\r\n${body.slice(at, at + size)}\r\n`;
    at += size;
  }
  out += `${random.chance(0.1) ? '000' : '0'}\r\n`;
  if (random.chance(0.2)) out += `X-Sum: ${random.text('0123456789abcdef', 8)}\r\n`;
  if (random.chance(0.05)) out += 'X-Other:\t y \r\n';
  return `${out}\r\n`;
}

export function randomRequest(random: Random): string {
  const version = random.chance(0.9) ? '1.1' : '1.0';
  const lines = randomFields(random, 6).map(({ name, value }) => {
    const before = random.chance(0.8) ? ' ' : random.pick(['', '\t', '  ', ' \t ']);
    return `${name}:${before}${value}${random.chance(0.9) ? '' : random.pick([' ', '\t'])}`;
  });
  if (version === '1.1' || random.chance(0.7))
    lines.splice(random.below(lines.length + 1), 0, 'Host: a.example');
  let body = '';
  const framing = random.below(3);
  if (framing === 1) {
    body = randomBody(random, 40);
    lines.splice(random.below(lines.length + 1), 0, `Content-Length: ${body.length}`);
  } else if (framing === 2 && version === '1.1') {
    body = chunked(random, randomBody(random, 60));
    lines.splice(random.below(lines.length + 1), 0, 'Transfer-Encoding: chunked');
  }
  const head = `${random.pick(methods)} ${randomTarget(random)} HTTP/${version}\r\n`;
  return `${head}${lines.map((line) => `${line}\r\n`).join('')}\r\n${body}`;
}

/** Bytes of one connection: one to four requests, at times with an empty line between them. */
export function randomConnection(random: Random): string {
  let out = random.chance(0.05) ? '\r\n' : '';
  for (let i = random.between(1, 4); i > 0; i--) {
    out += randomRequest(random);
    if (random.chance(0.05)) out += '\r\n';
  }
  return out;
}
