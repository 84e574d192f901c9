// What becomes of a request when the engine itself fails, and the small parts of the guard.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { Exchange, type Guard, Refusal } from '../../exchange/index.ts';
import { FieldList } from '../../http/fields/index.ts';
import type { Interruption, RuleTransaction } from '../../seclang/index.ts';
import type { InspectConfig } from './contract.ts';
import { decodeBody } from './decode.ts';
import { compileInspect } from './inspect.ts';
import { matchesType } from './media-types.ts';

const config: InspectConfig = {
  ruleSet: 0,
  mode: 'block',
  variables: [],
  exclusions: [],
  maxTimeMs: 1000,
  requestBody: { limitBytes: 1000, beyond: 'refuse', compressed: 'refuse' },
  response: { limitBytes: 1000, beyond: 'refuse', types: ['application/json'] },
};

/** A transaction that lets everything pass, but for what `overrides` does. */
function guardOf(overrides: Partial<RuleTransaction>, mode: InspectConfig['mode'] = 'block'): Guard {
  const pass = (): null => null;
  const transaction: RuleTransaction = {
    connection: pass,
    requestLine: pass,
    requestHeader: pass,
    runRequestHeaders: pass,
    wantsRequestBody: () => true,
    requestBody: pass,
    runRequestBody: pass,
    responseStatus: pass,
    responseHeader: pass,
    runResponseHeaders: pass,
    wantsResponseBody: () => true,
    responseBody: pass,
    runResponseBody: pass,
    runLogging: pass,
    matches: [],
    interruption: null,
    variable: pass,
    ...overrides,
  };
  return compileInspect({ ...config, mode }, { profile: () => null as never, begin: () => transaction });
}

const broken = (): never => {
  throw new Error('broken engine');
};

function judge(guard: Guard): readonly (string | null)[] {
  const exchange = new Exchange();
  exchange.contentLength = 3;
  const fields = new FieldList();
  fields.append('content-type', 'application/json');
  const decisions = [
    guard.onRequest!(exchange),
    guard.onBody!(exchange, Buffer.from('abc')),
    guard.onAnswer!(exchange, 200, fields),
    guard.onAnswerBody!(exchange, Buffer.from('abc'), true),
  ];
  guard.onEnd!(exchange);
  return decisions.map((decision) => (decision instanceof Refusal ? decision.code : (decision as null)));
}

describe('an engine that fails', () => {
  process.on('warning', () => {});
  const cases: readonly (readonly [keyof RuleTransaction, readonly (string | null)[]])[] = [
    ['runRequestHeaders', ['request-inspection-failed', null, null, null]],
    ['requestBody', [null, 'request-inspection-failed', null, null]],
    ['runRequestBody', [null, 'request-inspection-failed', null, null]],
    ['runResponseHeaders', [null, null, 'response-inspection-failed', null]],
    ['runResponseBody', [null, null, null, 'response-inspection-failed']],
  ];
  for (const [hook, expected] of cases) {
    test(`${hook} denies`, () => {
      assert.deepEqual(judge(guardOf({ [hook]: broken })), expected);
    });
    test(`${hook} lets pass in detection mode`, () => {
      assert.deepEqual(judge(guardOf({ [hook]: broken }, 'detect')), [null, null, null, null]);
    });
  }

  test('runLogging changes nothing', () => {
    assert.deepEqual(judge(guardOf({ runLogging: broken })), [null, null, null, null]);
  });

  test('a request that was never inspected is not let through', () => {
    assert.throws(() => guardOf({}).onBody!(new Exchange(), Buffer.alloc(0)), /not inspected/);
  });
});

test('an exhausted budget is a failure of inspection, not a match', () => {
  const budget: Interruption = {
    action: 'deny',
    status: 413,
    ruleId: 0,
    phase: 2,
    reason: 'work-budget',
    location: '',
  };
  assert.deepEqual(judge(guardOf({ runRequestBody: () => budget }))[1], 'request-inspection-failed');
  assert.deepEqual(judge(guardOf({ runResponseBody: () => budget }))[3], 'response-inspection-failed');
});

test('a redirect to a target that is no header value is a refusal', () => {
  const redirect: Interruption = {
    action: 'redirect',
    status: 302,
    ruleId: 1,
    phase: 1,
    reason: 'rule',
    location: 'https://a.example/\r\nset-cookie: a=b',
  };
  assert.equal(judge(guardOf({ runRequestHeaders: () => redirect }))[0], 'request-blocked');
});

describe('decodeBody', () => {
  const codings = [
    ['gzip', gzipSync],
    ['x-gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
  ] as const;
  for (const [coding, encode] of codings) {
    test(`${coding} round-trips within the limit, and no further`, () => {
      fc.assert(
        fc.property(fc.uint8Array({ minLength: 2, maxLength: 3000 }), (bytes) => {
          const packed = encode(bytes);
          assert.deepEqual(
            Buffer.from(decodeBody(packed, coding, bytes.length, true) as Uint8Array),
            Buffer.from(bytes),
          );
          assert.equal(decodeBody(packed, coding, bytes.length - 1, true), 'too-large');
        }),
        { numRuns: 30 },
      );
    });
    test(`the first bytes of ${coding} give the first bytes of the body`, () => {
      const text = Array.from({ length: 2000 }, (_, i) => `line ${i * 7919} of a body\n`).join('');
      const packed = encode(Buffer.from(text));
      const part = decodeBody(packed.subarray(0, packed.length >> 1), coding, 100_000, false);
      assert.ok(typeof part !== 'string', String(part));
      assert.ok(text.startsWith(Buffer.from(part).toString('latin1')));
      assert.equal(decodeBody(packed.subarray(0, packed.length >> 1), coding, 100_000, true), 'undecodable');
    });
  }
  test('what is unknown or broken is said to be', () => {
    assert.equal(decodeBody(Buffer.from('abc'), 'compress', 100, true), 'unknown-coding');
    assert.equal(decodeBody(Buffer.from('abc'), 'gzip, gzip', 100, true), 'unknown-coding');
    assert.equal(decodeBody(Buffer.from('abc'), 'gzip', 100, true), 'undecodable');
  });
});

test('media types and their families', () => {
  const types = ['application/json', '+json', 'text/*'];
  const yes = [
    'application/json',
    'Application/JSON; charset=utf-8',
    'application/problem+json',
    'text/csv;a=b',
    null,
  ];
  const no = ['application/jsonx', 'image/png', 'json', 'textual/plain', ''];
  for (const type of yes) assert.equal(matchesType(type, types), true, String(type));
  for (const type of no) assert.equal(matchesType(type, types), false, type);
  assert.equal(matchesType(null, []), false);
});
