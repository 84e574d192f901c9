// Every format against a parser of its grammar, with what a client can put into a record.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ExchangeRecord } from '../../telemetry/index.ts';
import { type RequestEvent, toEvent, toTrailEvent } from '../event.ts';
import { encodeCef, encodeEcs, encodeLeef, encodeStructured, frameSyslog } from './index.ts';

const origin = { hostname: 'gw1.example.com', version: '1.2.3' };

/** What breaks formats, and whatever else text can be. */
const hostile = fc.oneof(
  fc.constantFrom(
    'a=b',
    'x|y',
    'c\\',
    'a\r\nb',
    '"]',
    '\u2028',
    '^',
    'sev=9',
    ' src=1.2.3.4',
    '\ud800',
    '<0>1 -',
    '\ufeff',
    '=1+1',
    '\u0000',
    'end\\"] [other x="',
    'tail ',
  ),
  fc.string({ unit: 'binary', maxLength: 40 }),
);

const record: fc.Arbitrary<ExchangeRecord> = fc
  .record({
    path: hostile,
    host: hostile,
    query: hostile,
    consumer: hostile,
    user_agent: hostile,
    reason: hostile,
    client_address: fc.oneof(fc.ipV4(), fc.ipV6(), hostile),
  })
  .map((fields) => ({
    time: '2026-08-20T10:00:00.123Z',
    id: 'f1b50e7a34a12159acba47e6b427b8af',
    listener: 'public',
    method: 'GET',
    decision: 'refused',
    guard: 'inspect',
    code: 'inspection-refused',
    status: 403,
    request_bytes: 0,
    response_bytes: 10,
    duration_us: 700,
    api: 'bank',
    operation: 'listAccounts',
    rules: [942100],
    ...fields,
  }));

const events = record.map(toEvent);

/** What a receiver must get for a text: the unsafe characters as spaces. */
function cleaned(text: string): string {
  return [...text]
    .map((c) => (/^[\u0000-\u001f\u007f-\u009f\u2028\u2029\ud800-\udfff]$/.test(c) ? ' ' : c))
    .join('');
}

/** Header and pairs by the rules of the specification; null for what is no CEF. */
function parseCef(line: string): { header: string[]; pairs: Map<string, string> } | null {
  if (/[\r\n\u0000]/.test(line)) return null;
  const header: string[] = [];
  let [part, at] = ['', 0];
  for (; at < line.length && header.length < 7; at++) {
    if (line[at] === '\\') part += line[++at];
    else if (line[at] === '|') {
      header.push(part);
      part = '';
    } else part += line[at];
  }
  if (header.length !== 7 || header[0] !== 'CEF:0') return null;
  const pairs = new Map<string, string>();
  // A pair begins where a key stands before an `=` that is not escaped.
  const starts = [...line.slice(at).matchAll(/(?:^| )([A-Za-z0-9]+)=/g)];
  const rest = line.slice(at);
  starts.forEach((match, index) => {
    const value = rest.slice(match.index + match[0].length, starts[index + 1]?.index ?? rest.length);
    if (pairs.has(match[1]!)) throw new Error(`twice: ${match[1]}`);
    pairs.set(match[1]!, value.replace(/\\([\\=])/g, '$1'));
  });
  return { header, pairs };
}

test('CEF: what a client sends stays within its value', () => {
  fc.assert(
    fc.property(events, (event: RequestEvent) => {
      const parsed = parseCef(encodeCef(event, origin));
      assert.ok(parsed !== null);
      assert.deepEqual(parsed.header.slice(1, 7), [
        'Gatewright',
        'API gateway',
        '1.2.3',
        'inspection.refused',
        'Request refused by inspection',
        '8',
      ]);
      const { record } = event;
      assert.equal(parsed.pairs.get('request') ?? '', cleaned(`${record.path}?${record.query}`).trim());
      assert.equal(parsed.pairs.get('suser') ?? '', cleaned(record.consumer!).trim());
      assert.equal(parsed.pairs.get('requestClientApplication') ?? '', cleaned(record.user_agent!).trim());
      assert.equal(parsed.pairs.get('cn1'), '403');
    }),
    { numRuns: 500 },
  );
});

test('LEEF: no value makes a pair, a key or a line', () => {
  fc.assert(
    fc.property(events, (event: RequestEvent) => {
      const line = encodeLeef(event, origin);
      assert.doesNotMatch(line, /[\r\n\u0000]/);
      const match = /^LEEF:2\.0\|Gatewright\|API gateway\|1\.2\.3\|inspection\.refused\|\^\|(.*)$/.exec(line);
      assert.ok(match !== null);
      const pairs = match[1]!
        .split('^')
        .map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]);
      const keys = pairs.map(([key]) => key!);
      assert.equal(new Set(keys).size, keys.length);
      for (const key of keys) assert.match(key, /^[A-Za-z]+$/);
      const found = new Map(pairs as [string, string][]);
      assert.equal(found.get('sev'), '8');
      assert.equal(found.get('url') ?? '', cleaned(event.record.path!).replaceAll('^', ' ').trim());
    }),
    { numRuns: 500 },
  );
});

/** One message of RFC 5424: parameters of its one element. */
function parseStructured(message: string): Map<string, string> {
  const head = /^<(\d{1,3})>1 (\S+) (\S+) gatewright (\d+) (\S+) \[gatewright@32473/.exec(message);
  assert.ok(head !== null, message);
  const parameters = new Map<string, string>();
  let at = head[0].length;
  while (message[at] === ' ') {
    const name = /^ ([!-~]{1,32}?)="/.exec(message.slice(at));
    assert.ok(name !== null);
    at += name[0].length;
    let text = '';
    for (; message[at] !== '"'; at++) {
      assert.ok(at < message.length && message[at] !== ']');
      text += message[at] === '\\' ? message[++at] : message[at];
    }
    at++;
    parameters.set(name[1]!, text);
  }
  assert.match(message.slice(at), /^\] (?:Request refused by inspection|Audit: )/);
  return parameters;
}

test('syslog: structured data comes back as it was, and frames count octets', () => {
  fc.assert(
    fc.property(fc.array(events, { minLength: 1, maxLength: 4 }), (list) => {
      const head = { facility: 13, enterprise: 32473 };
      let bytes = Buffer.concat(list.map((event) => frameSyslog(encodeStructured(event, origin, head))));
      for (const event of list) {
        const space = bytes.indexOf(32);
        const length = Number(bytes.subarray(0, space).toString());
        const message = bytes.subarray(space + 1, space + 1 + length).toString('utf8');
        bytes = bytes.subarray(space + 1 + length);
        assert.doesNotMatch(
          message,
          /[\r\n\u0000\ufffd]/u.test(JSON.stringify(event.record)) ? /[\r\n\u0000]/ : /[\r\n\u0000\ufffd]/,
        );
        const parameters = parseStructured(message);
        assert.equal(parameters.get('path') ?? '', cleaned(event.record.path!));
        assert.equal(parameters.get('user') ?? '', cleaned(event.record.consumer!));
      }
      assert.equal(bytes.length, 0);
    }),
    { numRuns: 300 },
  );
});

test('ECS: fields of type ip hold addresses and nothing else', () => {
  fc.assert(
    fc.property(events, (event: RequestEvent) => {
      const document = JSON.parse(JSON.stringify(encodeEcs(event, origin))) as {
        source: { ip?: string };
        event: { duration: number };
      };
      if (document.source.ip !== undefined) assert.match(document.source.ip, /^[0-9a-f.:]+$/i);
      assert.equal(document.event.duration, 700_000);
    }),
    { numRuns: 200 },
  );
});

const trailEvents = fc
  .record({
    actor: hostile,
    target: hostile,
    reason: hostile,
    event: hostile,
    address: fc.oneof(fc.ipV4(), fc.ipV6(), hostile),
    details: fc.dictionary(hostile, hostile, { maxKeys: 3 }),
  })
  .map((fields) =>
    toTrailEvent({
      time: '2026-08-20T10:00:00.123Z',
      id: '5e34a1c2-0000-4000-8000-000000000000',
      trail: 'audit.example',
      index: 4711,
      action: 'state.change',
      outcome: 'success',
      actor_kind: 'operator',
      target_kind: 'client',
      ...fields,
    }),
  );

test('entries of the trail stay within their values in every format', () => {
  fc.assert(
    fc.property(trailEvents, (event) => {
      const { record } = event;
      const cef = parseCef(encodeCef(event, origin));
      assert.ok(cef !== null);
      assert.equal(cef.header[4], 'state.change');
      assert.equal(cef.pairs.get('suser') ?? '', cleaned(record.actor!).trim());
      assert.equal(cef.pairs.get('cn1'), '4711');
      const leef = encodeLeef(event, origin);
      assert.doesNotMatch(leef, /[\r\n\u0000]/);
      const keys = leef
        .slice(leef.indexOf('|^|') + 3)
        .split('^')
        .map((pair) => pair.slice(0, pair.indexOf('=')));
      assert.equal(new Set(keys).size, keys.length);
      for (const key of keys) assert.match(key, /^[A-Za-z]+$/);
      const parameters = parseStructured(
        encodeStructured(event, origin, { facility: 13, enterprise: 32473 }),
      );
      assert.equal(parameters.get('actor') ?? '', cleaned(record.actor!));
      assert.equal(parameters.get('index'), '4711');
      const ecs = JSON.parse(JSON.stringify(encodeEcs(event, origin))) as {
        source?: { ip?: string };
        event: { dataset: string };
      };
      if (ecs.source?.ip !== undefined) assert.match(ecs.source.ip, /^[0-9a-f.:]+$/i);
      assert.equal(ecs.event.dataset, 'gatewright.audit');
    }),
    { numRuns: 300 },
  );
});
