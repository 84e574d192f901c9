// A curl command line as people paste it: quoting of a POSIX shell, and the options that decide what goes on the wire.
// Options that concern the connection or the output are passed over; one that is not known is an error, because it
// might have changed the request.
import { readFileSync } from 'node:fs';
import { completeRequest, RequestSyntaxError, type TestRequest } from './request.ts';

/** Options without an argument that do not change the request. */
const ignoredFlags = new Set(
  (
    '-s --silent -S --show-error -i --include -v --verbose -k --insecure -L --location -f --fail --fail-with-body -g --globoff ' +
    '-N --no-buffer -O --remote-name -J --remote-header-name --compressed --path-as-is --http1.1 -0 --http1.0 --http2 ' +
    '--http2-prior-knowledge -4 --ipv4 -6 --ipv6 -# --progress-bar --no-progress-meter --tcp-nodelay'
  ).split(' '),
);
/** Options with an argument that do not change the request. */
const ignoredOptions = new Set(
  (
    '-o --output -w --write-out -m --max-time --connect-timeout --retry --retry-delay --cacert --cert -E --key --resolve ' +
    '--connect-to -x --proxy --max-redirs -D --dump-header -c --cookie-jar --limit-rate --interface --ciphers --tls-max'
  ).split(' '),
);
/** Short options with an argument: the rest of the word may be it. */
const shortWithArgument = 'XHdAebuFomwExDcT';

interface State {
  method: string | null;
  url: string | null;
  headers: [string, string][];
  data: string[];
  /** Of `--json`, which sets types of its own. */
  isJson: boolean;
  form: string[];
  get: boolean;
  head: boolean;
}

/** Throws RequestSyntaxError. `read` opens files named with `@`. */
export function parseCurl(line: string, read: (file: string) => Buffer = readFileSync): TestRequest {
  const words = expandShort(splitWords(line));
  if (words[0] === 'curl') words.shift();
  const state: State = {
    method: null,
    url: null,
    headers: [],
    data: [],
    isJson: false,
    form: [],
    get: false,
    head: false,
  };
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (!word.startsWith('-') || word === '-') {
      if (state.url !== null) throw new RequestSyntaxError(`there are two URLs: ${state.url} and ${word}`);
      state.url = word;
      continue;
    }
    if (ignoredFlags.has(word)) continue;
    if (word === '-G' || word === '--get') state.get = true;
    else if (word === '-I' || word === '--head') state.head = true;
    else {
      const equals = word.startsWith('--') ? word.indexOf('=') : -1;
      const name = equals === -1 ? word : word.slice(0, equals);
      const value = equals === -1 ? words[++i] : word.slice(equals + 1);
      if (value === undefined) throw new RequestSyntaxError(`${name} needs an argument`);
      if (!ignoredOptions.has(name)) takeOption(name, value, state, read);
    }
  }
  return build(state, read);
}

function takeOption(name: string, value: string, state: State, read: (file: string) => Buffer): void {
  switch (name) {
    case '-X':
    case '--request':
      state.method = value;
      return;
    case '--url':
      state.url = value;
      return;
    case '-H':
    case '--header':
      state.headers.push(headerOf(value));
      return;
    case '-A':
    case '--user-agent':
      state.headers.push(['User-Agent', value]);
      return;
    case '-e':
    case '--referer':
      state.headers.push(['Referer', value]);
      return;
    case '-b':
    case '--cookie':
      state.headers.push(['Cookie', value]);
      return;
    case '-r':
    case '--range':
      state.headers.push(['Range', `bytes=${value}`]);
      return;
    case '-u':
    case '--user':
      state.headers.push(['Authorization', `Basic ${Buffer.from(value).toString('base64')}`]);
      return;
    case '--oauth2-bearer':
      state.headers.push(['Authorization', `Bearer ${value}`]);
      return;
    case '-d':
    case '--data':
    case '--data-ascii':
      // curl takes line ends out of files that are no binary data.
      state.data.push(
        value.startsWith('@') ? text(read(value.slice(1))).replace(/[\r\n\0]/g, '') : latin1(value),
      );
      return;
    case '--data-binary':
    case '--json':
      if (name === '--json') state.isJson = true;
      state.data.push(value.startsWith('@') ? text(read(value.slice(1))) : latin1(value));
      return;
    case '--data-raw':
      state.data.push(latin1(value));
      return;
    case '--data-urlencode':
      state.data.push(urlEncoded(value, read));
      return;
    case '-F':
    case '--form':
    case '--form-string':
      state.form.push(value);
      return;
    default:
      throw new RequestSyntaxError(
        `${name} is not known here; leave it out if it does not change the request`,
      );
  }
}

const text = (bytes: Buffer): string => bytes.toString('latin1');
/** UTF-8 bytes, one latin1 character a byte. */
const latin1 = (value: string): string => Buffer.from(value, 'utf8').toString('latin1');

function headerOf(line: string): [string, string] {
  const colon = line.indexOf(':');
  if (colon > 0) return [line.slice(0, colon).trim(), latin1(line.slice(colon + 1).trim())];
  if (line.endsWith(';')) return [line.slice(0, -1), ''];
  throw new RequestSyntaxError(`"${line}" is no header`);
}

/** `content`, `=content`, `name=content`, `@file`, `name@file`. */
function urlEncoded(value: string, read: (file: string) => Buffer): string {
  const match = /^([^=@]*)([=@])([\s\S]*)$/.exec(value);
  if (match === null) return percentEncode(latin1(value));
  const [, name = '', sign, rest = ''] = match;
  const content = sign === '@' ? text(read(rest)) : latin1(rest);
  return name === '' ? percentEncode(content) : `${name}=${percentEncode(content)}`;
}

const percentEncode = (value: string): string =>
  value.replace(
    /[^A-Za-z0-9\-._~]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );

function build(state: State, read: (file: string) => Buffer): TestRequest {
  if (state.url === null) throw new RequestSyntaxError('there is no URL');
  const has = (name: string): boolean => state.headers.some(([key]) => key.toLowerCase() === name);
  const headers = state.headers.slice();
  if (!has('user-agent')) headers.push(['User-Agent', 'curl/8.5.0']);
  if (!has('accept')) headers.push(['Accept', state.isJson ? 'application/json' : '*/*']);
  if (state.isJson && !has('content-type')) headers.push(['Content-Type', 'application/json']);
  let url = state.url;
  let body = state.data.length === 0 ? null : Buffer.from(state.data.join(state.isJson ? '' : '&'), 'latin1');
  if (state.form.length > 0) {
    const boundary = '------------------------a94f2c81d07b3e56';
    body = formBody(state.form, boundary, read);
    headers.push(['Content-Type', `multipart/form-data; boundary=${boundary}`]);
  }
  if (body !== null && (state.get || state.head)) {
    url += `${url.includes('?') ? '&' : '?'}${body.toString('latin1')}`;
    body = null;
  }
  const method = state.method ?? (state.head ? 'HEAD' : null);
  return completeRequest({ method, url, headers, body });
}

function formBody(
  parts: readonly string[],
  boundary: string,
  read: (file: string) => Buffer,
): Buffer<ArrayBuffer> {
  const out = parts.map((part) => {
    const equals = part.indexOf('=');
    if (equals < 1) throw new RequestSyntaxError(`"${part}" is no form field`);
    const name = part.slice(0, equals);
    const [value = '', ...options] = part.slice(equals + 1).split(';');
    const option = (key: string): string | undefined =>
      options.find((entry) => entry.trim().startsWith(`${key}=`))?.split('=')[1];
    const isFile = value.startsWith('@');
    const content = isFile || value.startsWith('<') ? text(read(value.slice(1))) : latin1(value);
    const filename = option('filename') ?? (isFile ? value.slice(1).split('/').at(-1) : undefined);
    const type = option('type') ?? (isFile ? 'application/octet-stream' : undefined);
    return (
      `--${boundary}\r\nContent-Disposition: form-data; name="${name}"` +
      `${filename === undefined ? '' : `; filename="${filename}"`}\r\n` +
      `${type === undefined ? '' : `Content-Type: ${type}\r\n`}\r\n${content}\r\n`
    );
  });
  return Buffer.from(`${out.join('')}--${boundary}--\r\n`, 'latin1');
}

/** `-XPOST` and `-sSi` in words of their own. */
function expandShort(words: readonly string[]): string[] {
  return words.flatMap((word) => {
    if (!/^-[A-Za-z0#4-6]./.test(word)) return [word];
    const out: string[] = [];
    for (let i = 1; i < word.length; i++) {
      out.push(`-${word[i]}`);
      if (!shortWithArgument.includes(word[i]!)) continue;
      if (i + 1 < word.length) out.push(word.slice(i + 1));
      break;
    }
    return out;
  });
}

/** Words of a shell command: single, double and $'…' quotes, backslashes, line continuations. */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  for (let i = 0; i < line.length; i++) {
    const c = line[i]!;
    if (c === '\\') {
      const next = line[++i];
      // A backslash before a line end continues the line.
      if (next === '\r' && line[i + 1] === '\n') i++;
      else if (next !== '\n' && next !== undefined) word = (word ?? '') + next;
    } else if (c === "'" || (c === '$' && line[i + 1] === "'")) {
      const isAnsi = c === '$';
      const end = quoteEnd(line, isAnsi ? i + 2 : i + 1, isAnsi);
      const inner = line.slice(isAnsi ? i + 2 : i + 1, end);
      word = (word ?? '') + (isAnsi ? unescapeAnsi(inner) : inner);
      i = end;
    } else if (c === '"') {
      word ??= '';
      for (i++; line[i] !== '"'; i++) {
        if (i >= line.length) throw new RequestSyntaxError('a double quote is not closed');
        if (line[i] === '\\' && '"\\$`\n'.includes(line[i + 1] ?? ' ')) {
          i++;
          if (line[i] === '\n') continue;
        }
        word += line[i];
      }
    } else if (/\s/.test(c)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? '') + c;
  }
  if (word !== null) words.push(word);
  return words;
}

function quoteEnd(line: string, from: number, escapes: boolean): number {
  for (let i = from; i < line.length; i++) {
    if (escapes && line[i] === '\\') i++;
    else if (line[i] === "'") return i;
  }
  throw new RequestSyntaxError('a single quote is not closed');
}

const ansi: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  '0': '\0',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
};

const unescapeAnsi = (inner: string): string =>
  inner.replace(
    /\\(?:x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{1,4})|([\s\S]))/g,
    (_all, hex?: string, unicode?: string, c?: string) =>
      hex !== undefined || unicode !== undefined
        ? String.fromCharCode(Number.parseInt((hex ?? unicode)!, 16))
        : (ansi[c!] ?? c!),
  );
