// The line is built by hand for speed: it must be the JSON that a plain construction makes of the same exchange.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Exchange, type Operation, Refusal } from '../exchange/index.ts';
import { accessLine, maskQuery } from './access-line.ts';

const plainMask = (query: string): string =>
  query
    .split('&')
    .map((part) => (part.includes('=') ? `${part.slice(0, part.indexOf('=') + 1)}*` : '*'))
    .join('&');

test('query values are masked as a plain reading masks them', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', '=', '&', '%', '\n', 'é') }), (query) => {
      assert.equal(maskQuery(query), plainMask(query));
    }),
    { numRuns: 500 },
  );
});

const operations: readonly Operation[] = ['one', 'tw"o'].map((id, index) => ({
  index,
  api: 'bank\n',
  id,
  method: 'GET',
  template: '/',
  paramNames: [],
  public: false,
}));

/** Any text, often one that was there before: what is remembered must not be mixed up. */
const text = fc.oneof(
  fc.constantFrom('a', 'b"', 'c\\', '\u0000', ''),
  fc.string({ unit: 'binary', maxLength: 300 }),
);
const hex = fc.constantFrom('0af7651916cd43dd8448eb211c80319c', 'ffff651916cd43dd8448eb211c80319c');
const ms = fc.double({ min: 0, max: 1e6, noNaN: true });

const exchanges = fc
  .record({
    id: hex,
    receivedMs: fc.integer({ min: 0, max: 4e12 }),
    listener: text,
    clientAddress: text,
    peerAddress: text,
    place: fc.option(fc.record({ country: fc.constantFrom('', 'NO'), asn: fc.constantFrom(0, 64500) })),
    traceId: fc.oneof(fc.constant(''), hex),
    parentSpanId: fc.constantFrom('', 'b7ad6b7169203331'),
    parentSampled: fc.boolean(),
    host: text,
    path: text,
    query: text,
    protocol: fc.constantFrom([1, 0], [1, 1], [2, 0]),
    operation: fc.option(fc.constantFrom(...operations)),
    consumer: fc.option(fc.record({ id: text, credentialId: text })),
    risk: fc.constantFrom(0, 7),
    riskSigns: fc.subarray(['new-device', 'token-age'], { minLength: 1 }),
    journey: fc.option(fc.constant({ from: 'NO', km: 5000, seconds: 60 })),
    policy: text,
    refusal: fc.option(
      fc.record({ guard: fc.constantFrom('upstream' as const, 'limit' as const), reason: text }),
    ),
    decidedBy: fc.constantFrom('' as const, 'harden' as const),
    status: fc.constantFrom(0, 101, 200, 404, 599),
    grpcStatus: fc.constantFrom(-1, 0, 14),
    requestBytes: fc.nat(),
    endMs: ms,
    judgedMs: fc.oneof(fc.constant(-1), ms),
    upstreamFirstByteMs: fc.oneof(fc.constant(-1), ms),
    upstreamAddress: text,
    upstreamAttempts: fc.constantFrom(0, 1, 3),
    agent: fc.option(fc.string({ unit: 'grapheme-ascii', maxLength: 300 })),
    answerFinding: text,
  })
  .map(({ consumer, refusal, protocol, agent, ...members }) => {
    const exchange = Object.assign(new Exchange(), members, {
      method: 'GET',
      spanId: 'e3f7c2080a4dc228',
      httpMajor: protocol[0]!,
      httpMinor: protocol[1]!,
      consumer: consumer === null ? null : { ...consumer, method: 'jwt', scopes: new Set(), claims: {} },
      refusal: refusal === null ? null : new Refusal('rate-limited', refusal.guard, refusal.reason),
    }) as Exchange;
    if (agent !== null) exchange.fields.append('user-agent', agent);
    return exchange;
  });

/** The same by plain means. */
function plainly(e: Exchange): Record<string, unknown> {
  const us = (value: number): number => Math.round(value * 1000);
  const agent = e.fields.get('user-agent');
  const rows: readonly (readonly [string, unknown, boolean])[] = [
    ['time', new Date(e.receivedMs).toISOString(), true],
    ['id', e.id, true],
    ['listener', e.listener, true],
    ['client_address', e.clientAddress, true],
    ['peer_address', e.peerAddress, e.peerAddress !== e.clientAddress],
    ['country', e.place?.country, (e.place?.country ?? '') !== ''],
    ['asn', e.place?.asn, (e.place?.asn ?? 0) !== 0],
    ['trace_id', e.traceId, e.traceId !== ''],
    ['span_id', e.spanId, e.traceId !== ''],
    ['parent_span_id', e.parentSpanId, e.parentSpanId !== ''],
    ['trace_sampled', true, e.parentSpanId !== '' && e.parentSampled],
    ['method', e.method, true],
    ['host', e.host, true],
    ['path', e.path, true],
    ['query', plainMask(e.query), e.query !== ''],
    ['protocol', e.httpMajor === 2 ? 'HTTP/2' : `HTTP/1.${e.httpMinor}`, true],
    ['api', e.operation?.api, e.operation !== null],
    ['operation', e.operation?.id, e.operation !== null],
    ['consumer', e.consumer?.id.slice(0, 256), e.consumer !== null],
    ['method_of_authentication', e.consumer?.method, e.consumer !== null],
    ['credential', e.consumer?.credentialId.slice(0, 256), (e.consumer?.credentialId ?? '') !== ''],
    ['risk', e.risk, e.risk > 0],
    ['risk_signs', e.riskSigns, e.risk > 0],
    ['journey', e.journey, e.risk > 0 && e.journey !== null],
    ['policy', e.policy, e.policy !== ''],
    [
      'decision',
      e.refusal !== null
        ? e.refusal.guard === 'upstream'
          ? 'failed'
          : 'refused'
        : e.decidedBy === ''
          ? 'allowed'
          : 'answered',
      true,
    ],
    ['guard', e.refusal?.guard ?? e.decidedBy, e.refusal !== null || e.decidedBy !== ''],
    ['code', e.refusal?.code, e.refusal !== null],
    ['reason', e.refusal?.reason, e.refusal !== null && e.refusal.reason !== e.refusal.code],
    ['status', e.status, true],
    ['grpc_status', e.grpcStatus, e.grpcStatus !== -1],
    ['request_bytes', e.requestBytes, true],
    ['response_bytes', 0, true],
    ['duration_us', us(e.endMs), true],
    ['judged_us', us(e.judgedMs), e.judgedMs >= 0],
    ['upstream_first_byte_us', us(e.upstreamFirstByteMs), e.upstreamFirstByteMs >= 0],
    ['upstream_address', e.upstreamAddress, e.upstreamAttempts > 0],
    ['upstream_attempts', e.upstreamAttempts, e.upstreamAttempts > 1],
    ['user_agent', agent?.slice(0, 256), agent !== null],
    ['contract', e.answerFinding, e.answerFinding !== ''],
  ];
  return Object.fromEntries(rows.filter(([, , isThere]) => isThere).map(([name, value]) => [name, value]));
}

test('a line is one line of ASCII, and the JSON of its exchange', () => {
  const options = { keepQueryValues: false, matchValues: 'mask' } as const;
  fc.assert(
    fc.property(exchanges, (exchange) => {
      const line = accessLine(exchange, options);
      assert.match(line, /^[\x20-\x7e]*\n$/);
      assert.deepEqual(JSON.parse(line), plainly(exchange));
    }),
    { numRuns: 400 },
  );
});
