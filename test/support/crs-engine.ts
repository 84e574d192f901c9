// The OWASP Core Rule Set and its regression cases, for driving the SecLang engine without sockets: a case's request is made
// byte for byte as its README says, then read leniently, as a server would that refuses nothing.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Diagnostics, formatDiagnostic } from '../../src/core/index.ts';
import {
  compileRuleSet,
  parseRuleFiles,
  type RuleFileEnvironment,
  type RuleSet,
  type RuleSource,
  type Transaction,
} from '../../src/seclang/index.ts';

const root = new URL('../../../shared/crs/', import.meta.url).pathname;
const debianRules = '/usr/share/modsecurity-crs/rules';
const debianSetup = '/etc/modsecurity/crs/crs-setup.conf';

export const skipCrs: string | false = existsSync(root) ? false : 'the rule set ../shared/crs is not here';
export const skipCrs3: string | false =
  existsSync(debianRules) && existsSync(debianSetup)
    ? false
    : 'the rule set 3.3 is not here: apt-get install modsecurity-crs';

/** What stands around the rules in a usual `modsecurity.conf`: bodies on, processors by Content-Type. */
export const surroundings = (mode: 'On' | 'DetectionOnly'): string => `
SecRuleEngine ${mode}
SecRequestBodyAccess On
SecResponseBodyAccess On
SecResponseBodyMimeType text/plain text/html text/xml application/json
SecRule REQUEST_HEADERS:Content-Type "@rx ^(?:application(?:/soap\\+|/)|text/)xml" \\
  "id:200000,phase:1,pass,nolog,t:none,t:lowercase,ctl:requestBodyProcessor=XML"
SecRule REQUEST_HEADERS:Content-Type "@rx ^application/(?:[a-z0-9.-]+[+])?json" \\
  "id:200001,phase:1,pass,nolog,t:none,t:lowercase,ctl:requestBodyProcessor=JSON"
`;

/** What the regression cases want of the set-up. */
export const caseVariables: readonly { name: string; value: string }[] = Object.entries({
  blocking_paranoia_level: '4',
  detection_paranoia_level: '4',
  crs_validate_utf8_encoding: '1',
  arg_name_length: '100',
  arg_length: '400',
  total_arg_length: '64000',
  max_num_args: '255',
  max_file_size: '64100',
  combined_file_sizes: '65535',
}).map(([name, value]) => ({ name, value }));

const files: RuleFileEnvironment = {
  readData: (file, fromFile) => {
    const path = join(dirname(fromFile), file);
    return existsSync(path) ? readFileSync(path, 'latin1') : null;
  },
  expandInclude: () => [],
};

function rulesOf(folder: string, setup: string): RuleSource[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.conf'));
  const paths = [setup, ...names.sort().map((name) => join(folder, name))];
  return paths.map((file) => ({ file, text: readFileSync(file, 'latin1') }));
}

export const crsSources = (): RuleSource[] =>
  rulesOf(join(root, 'rules'), join(root, 'crs-setup.conf.example'));
export const crs3Sources = (): RuleSource[] => rulesOf(debianRules, debianSetup);

export interface Compiled {
  readonly ruleSet: RuleSet;
  /** Formatted. */
  readonly diagnostics: readonly string[];
}

export function compileSources(sources: readonly RuleSource[], mode: 'On' | 'DetectionOnly'): Compiled {
  const diagnostics = new Diagnostics();
  const all = [{ file: 'surroundings.conf', text: surroundings(mode) }, ...sources];
  const ruleSet = compileRuleSet(parseRuleFiles(all, files, diagnostics), files, diagnostics);
  return { ruleSet, diagnostics: diagnostics.all.map(formatDiagnostic) };
}

export interface CrsInput {
  readonly method?: string;
  readonly uri?: string;
  readonly version?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly data?: string;
  readonly autocomplete_headers?: boolean;
  readonly encoded_request?: string;
}

export interface CrsStage {
  readonly input: CrsInput;
  readonly output: {
    readonly status?: number;
    readonly expect_error?: boolean;
    readonly log?: { readonly expect_ids?: readonly number[]; readonly no_expect_ids?: readonly number[] };
  };
}

export interface CrsCase {
  readonly id: string;
  readonly rule_id: number;
  readonly desc?: string;
  readonly stages: readonly CrsStage[];
}

export function crsCases(): CrsCase[] {
  const folder = join(root, 'tests');
  return readdirSync(folder)
    .sort()
    .filter((name) => basename(name).endsWith('.json'))
    .flatMap((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as CrsCase[]);
}

/** UTF-8 bytes as latin1 chars. */
const bytes = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

export interface RawRequest {
  readonly method: string;
  readonly uri: string;
  readonly version: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

export function requestOf(input: CrsInput): RawRequest {
  if (input.encoded_request !== undefined) {
    return readRaw(Buffer.from(input.encoded_request, 'base64').toString('latin1'));
  }
  const method = bytes(input.method ?? 'GET');
  const headers = Object.entries(input.headers ?? {}).map(
    ([name, value]) => [bytes(name), bytes(value)] as [string, string],
  );
  let body = bytes(input.data ?? '');
  const find = (name: string): string | undefined =>
    headers.find(([other]) => other.toLowerCase() === name)?.[1];
  if (/multipart\/form-data;/i.test(find('content-type') ?? '')) body = body.replaceAll('\n', '\r\n');
  if (input.autocomplete_headers !== false) {
    if (find('connection') === undefined) headers.push(['Connection', 'close']);
    if (body !== '' && find('content-type') === undefined) {
      headers.push(['Content-Type', 'application/x-www-form-urlencoded']);
    }
    if (find('content-type') === 'application/x-www-form-urlencoded') body = escapedForm(body);
    const hasBody = body !== '' || /^(?:POST|PUT|PATCH|DELETE)$/.test(method);
    if (hasBody && find('content-length') === undefined)
      headers.push(['Content-Length', String(body.length)]);
  }
  // A server that finds no framing reads no body.
  if (find('content-length') === undefined && find('transfer-encoding') === undefined) body = '';
  return {
    method,
    uri: bytes(input.uri ?? '/'),
    version: bytes(input.version ?? 'HTTP/1.1'),
    headers: headers.map(([name, value]) => [name, value.trim()]),
    body,
  };
}

/** A form in which nothing is escaped yet gets escaped; one that holds escapes stays. */
function escapedForm(body: string): string {
  if (/\+|%[0-9A-Fa-f]{2}/.test(body)) return body;
  const escapePart = (text: string): string =>
    text.replace(/[^A-Za-z0-9_.~-]/g, (char) =>
      char === ' ' ? '+' : `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
    );
  return body
    .split('&')
    .map((pair) => {
      const equals = pair.indexOf('=');
      return equals === -1
        ? escapePart(pair)
        : `${escapePart(pair.slice(0, equals))}=${escapePart(pair.slice(equals + 1))}`;
    })
    .join('&');
}

function readRaw(text: string): RawRequest {
  const end = /\r?\n\r?\n/.exec(text);
  const head = end === null ? text : text.slice(0, end.index);
  const [line = '', ...fields] = head.split(/\r?\n/);
  const [method = '', uri = '', version = ''] = line.split(' ');
  const headers = fields.map((field): [string, string] => {
    const colon = field.indexOf(':');
    return colon === -1 ? [field, ''] : [field.slice(0, colon), field.slice(colon + 1).trim()];
  });
  return { method, uri, version, headers, body: end === null ? '' : text.slice(end.index + end[0].length) };
}

interface Reflected {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly encodedBody?: string;
}

/** What the backend answers: an empty 200, or on POST /reflect what the body asks for. */
function answerOf(request: RawRequest): Reflected {
  if (request.method !== 'POST' || !request.uri.startsWith('/reflect')) return {};
  try {
    return JSON.parse(Buffer.from(request.body, 'latin1').toString('utf8')) as Reflected;
  } catch {
    return {};
  }
}

/** Runs all phases; stops where a rule interrupts. */
export function drive(transaction: Transaction, request: RawRequest): void {
  transaction.connection('127.0.0.1', 40000, '127.0.0.1', 80);
  transaction.requestLine(request.method, request.uri, request.version);
  for (const [name, value] of request.headers) transaction.requestHeader(name, value);
  if (transaction.runRequestHeaders() === null && bodyPhases(transaction, request)) {
    const answer = answerOf(request);
    transaction.responseStatus(answer.status ?? 200, 'HTTP/1.1');
    const fields = { 'Content-Type': 'text/plain; charset=utf-8', ...answer.headers };
    for (const [name, value] of Object.entries(fields)) {
      transaction.responseHeader(bytes(name), bytes(value));
    }
    if (transaction.runResponseHeaders() === null) {
      const body =
        answer.encodedBody === undefined
          ? bytes(answer.body ?? '')
          : Buffer.from(answer.encodedBody, 'base64').toString('latin1');
      if (transaction.wantsResponseBody()) transaction.responseBody(body);
      transaction.runResponseBody();
    }
  }
  transaction.runLogging();
}

function bodyPhases(transaction: Transaction, request: RawRequest): boolean {
  if (request.body !== '' && transaction.wantsRequestBody()) transaction.requestBody(request.body);
  return transaction.interruption === null && transaction.runRequestBody() === null;
}
