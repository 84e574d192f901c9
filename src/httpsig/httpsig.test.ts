import assert from 'node:assert/strict';
import { createHmac, createSecretKey, generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { FieldList } from '../http/fields/index.ts';
import {
  compileSignatureKey,
  findGenuineSignature,
  matchesContentDigest,
  readWebhook,
  type SignatureKey,
  verifySignature,
  type WebhookScheme,
  webhookSchemes,
} from './index.ts';

/** The request of RFC 9421 appendix B.2. */
function example() {
  const fields = new FieldList();
  for (const [name, value] of [
    ['date', 'Tue, 20 Apr 2021 02:07:55 GMT'],
    ['content-type', 'application/json'],
    [
      'content-digest',
      'sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:',
    ],
  ] as const)
    fields.append(name, value);
  return {
    method: 'POST',
    scheme: 'https',
    authority: 'example.com',
    path: '/foo',
    query: 'param=Value&Pet=dog',
    fields,
    contentLength: 18,
  };
}

const CREATED_MS = 1_618_884_473_000;
const expected = { cover: [], tag: '', maxAgeMs: 1000, clockSkewMs: 0 };
const one = (id: string, key: SignatureKey) => new Map([[id, { owner: 'me', key }]]);

describe('the examples of RFC 9421', () => {
  test('B.2.5: HMAC over a few components', () => {
    const secret = Buffer.from(
      'uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==',
      'base64',
    );
    const verified = verifySignature(
      example(),
      'sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"',
      'sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:',
      one('test-shared-secret', { algorithm: 'hmac-sha256', key: createSecretKey(secret) }),
      expected,
      CREATED_MS,
    );
    assert.ok(typeof verified !== 'string', String(verified));
    assert.deepEqual([verified.owner, verified.keyId], ['me', 'test-shared-secret']);
  });

  test('B.2.6: Ed25519', () => {
    const key = compileSignatureKey(
      'ed25519',
      '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n-----END PUBLIC KEY-----\n',
    );
    const input =
      'sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"';
    const signature =
      'sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:';
    const verify = (change: Partial<ReturnType<typeof example>>, nowMs = CREATED_MS) =>
      verifySignature(
        { ...example(), ...change },
        input,
        signature,
        one('test-key-ed25519', key),
        expected,
        nowMs,
      );
    assert.ok(typeof verify({}) !== 'string', String(verify({})));
    for (const change of [
      { method: 'PUT' },
      { path: '/fo' },
      { authority: 'evil.com' },
      { contentLength: 19 },
    ])
      assert.equal(verify(change), 'signature', JSON.stringify(change));
    assert.equal(verify({}, CREATED_MS + 1001), 'too-old');
    assert.equal(verify({}, CREATED_MS - 1), 'not-yet-valid');
  });

  test('the digest of the body', () => {
    const digest = example().fields.get('content-digest')!;
    assert.equal(matchesContentDigest(digest, Buffer.from('{"hello": "world"}')), true);
    assert.equal(matchesContentDigest(digest, Buffer.from('{"hello": "World"}')), false);
    for (const text of ['', 'md5=:AAAA:', 'sha-256=AAAA', 'sha-256=:AAAA:', 'constructor=:AAAA:'])
      assert.equal(matchesContentDigest(text, Buffer.alloc(0)), false, text);
    assert.equal(
      matchesContentDigest(
        `${digest}, sha-256=:${Buffer.alloc(32).toString('base64')}:`,
        Buffer.from('{"hello": "world"}'),
      ),
      false,
      'one right and one wrong',
    );
  });
});

describe('signatures', () => {
  const secret = 'x'.repeat(32);
  const keys = one('k', compileSignatureKey('hmac-sha256', secret));
  const sign = (request: ReturnType<typeof example>, base: string): string => {
    void request;
    return `s=:${createHmac('sha256', secret).update(base, 'latin1').digest('base64')}:`;
  };
  const params = '("@method" "@target-uri");created=1618884473;keyid="k"';
  const base = `"@method": POST\n"@target-uri": https://example.com/foo?param=Value&Pet=dog\n"@signature-params": ${params}`;
  const run = (input: string, signatures: string, cover: readonly string[] = [], tag = '') =>
    verifySignature(example(), input, signatures, keys, { ...expected, cover, tag }, CREATED_MS);

  test('the whole target covers its parts, and a part does not cover the whole', () => {
    const good = sign(example(), base);
    const all = ['@method', '@target-uri', '@authority', '@path', '@query', '@scheme', '@request-target'];
    assert.ok(typeof run(`s=${params}`, good, all) !== 'string');
    assert.equal(run(`s=${params}`, good, ['content-digest']), 'coverage');
    const part = '("@query-param";name="Pet");created=1618884473;keyid="k"';
    const signature = sign(example(), `"@query-param";name="Pet": dog\n"@signature-params": ${part}`);
    assert.ok(typeof run(`s=${part}`, signature) !== 'string');
    assert.equal(run(`s=${part}`, signature, ['@query']), 'coverage');
  });

  test('what is doubtful is refused', () => {
    const good = sign(example(), base);
    const cases: Readonly<Record<string, readonly [string, string, string]>> = {
      'no input': ['', good, 'malformed'],
      'no signature': [`s=${params}`, '', 'malformed'],
      'another label': [`t=${params}`, good, 'malformed'],
      'unknown key': [`s=${params.replace('"k"', '"other"')}`, good, 'unknown-key'],
      'no key id': ['s=("@method");created=1618884473', good, 'unknown-key'],
      'two that fit': [`s=${params}, t=${params}`, `${good}, t${good.slice(1)}`, 'ambiguous'],
      'another algorithm': [`s=${params};alg="ed25519"`, good, 'algorithm'],
      'no date': ['s=("@method");keyid="k"', good, 'undated'],
      'a date that is text': ['s=("@method");created="1618884473";keyid="k"', good, 'undated'],
      ended: [`s=${params};expires=1618884473`, good, 'expired'],
      'covered twice': ['s=("@method" "@method");created=1618884473;keyid="k"', good, 'coverage'],
      'a field that is not there': ['s=("x-none");created=1618884473;keyid="k"', good, 'coverage'],
      'an unknown component': ['s=("@status");created=1618884473;keyid="k"', good, 'coverage'],
      'an unknown parameter': ['s=("date";bs);created=1618884473;keyid="k"', good, 'coverage'],
      'other parameters': [`s=${params};nonce="x"`, good, 'signature'],
      'many signatures': [
        Array.from({ length: 5 }, (_, i) => `s${i}=${params}`).join(', '),
        good,
        'malformed',
      ],
    };
    for (const [name, [input, signatures, problem]] of Object.entries(cases))
      assert.equal(run(input, signatures), problem, name);
    assert.equal(run(`s=${params}`, good, [], 'app'), 'unknown-key', 'without the tag');
  });

  test('keys must fit their algorithms', () => {
    const pem = (kind: 'rsa' | 'ec', options: object): string =>
      generateKeyPairSync(kind as 'ec', options as { namedCurve: string })
        .publicKey.export({ type: 'spki', format: 'pem' })
        .toString();
    assert.throws(() => compileSignatureKey('hmac-sha256', 'short'), RangeError);
    assert.throws(() => compileSignatureKey('ed25519', 'none'), RangeError);
    assert.throws(() => compileSignatureKey('ed25519', pem('ec', { namedCurve: 'P-256' })), RangeError);
    assert.throws(
      () => compileSignatureKey('ecdsa-p384-sha384', pem('ec', { namedCurve: 'P-256' })),
      RangeError,
    );
    assert.throws(
      () => compileSignatureKey('rsa-pss-sha512', pem('rsa', { modulusLength: 1024 })),
      RangeError,
    );
    compileSignatureKey('ecdsa-p256-sha256', pem('ec', { namedCurve: 'P-256' }));
  });
});

describe('webhooks', () => {
  const now = 1_700_000_000_000;
  const body = Buffer.from('{"a":1}');
  const secret = Buffer.from('the secret of the sender');
  const mac = (text: string, encoding: 'hex' | 'base64' = 'hex'): string =>
    createHmac('sha256', secret).update(text).digest(encoding);
  const time = '1700000000';
  const genuine: readonly (readonly [keyof typeof webhookSchemes, Record<string, string>])[] = [
    ['github', { 'x-hub-signature-256': `sha256=${mac('{"a":1}')}` }],
    ['stripe', { 'stripe-signature': `v0=ffff,t=${time}, v1=${mac(`${time}.{"a":1}`)}` }],
    ['slack', { 'x-slack-signature': `v0=${mac(`v0:${time}:{"a":1}`)}`, 'x-slack-request-timestamp': time }],
    ['shopify', { 'x-shopify-hmac-sha256': mac('{"a":1}', 'base64') }],
    [
      'standard',
      {
        'webhook-id': 'm1',
        'webhook-timestamp': time,
        'webhook-signature': `v1,${mac(`other`, 'base64')} v1,${mac(`m1.${time}.{"a":1}`, 'base64')}`,
      },
    ],
  ];
  const judge = (scheme: WebhookScheme, fields: Record<string, string>, of: Buffer, nowMs = now) => {
    const claim = readWebhook(scheme, (name) => fields[name] ?? null, 300_000, nowMs);
    return typeof claim === 'string'
      ? claim
      : findGenuineSignature(scheme, claim, of, [Buffer.from('old'), secret]) !== null;
  };

  for (const [name, fields] of genuine) {
    test(`${name}: the sender's, and nobody else's`, () => {
      const scheme: WebhookScheme = webhookSchemes[name];
      assert.equal(judge(scheme, fields, body), true);
      assert.equal(judge(scheme, fields, Buffer.from('{"a":2}')), false);
      assert.equal(judge(scheme, {}, body), 'malformed');
      for (const [field, value] of Object.entries(fields)) {
        const changed = {
          ...fields,
          [field]: value.replace(/[0-9a-f](?=[^0-9a-f]*$)/, (c) => (c === '1' ? '2' : '1')),
        };
        assert.notEqual(judge(scheme, changed, body), true, `${field} changed`);
      }
      if (scheme.signed.includes('{time}')) {
        assert.equal(judge(scheme, fields, body, now + 300_001), 'too-old');
        assert.equal(judge(scheme, fields, body, now - 300_001), 'not-yet-valid');
      }
    });
  }

  test('no head makes it throw, and none but the sender’s is genuine', () => {
    const text = fc.stringMatching(/^[ -~]{0,60}$/);
    for (const scheme of Object.values(webhookSchemes)) {
      fc.assert(
        fc.property(text, text, text, (signature, stamp, id) => {
          const values: Record<string, string> = {
            [scheme.signatureField]: signature,
            [scheme.timeField]: stamp,
            [scheme.idField]: id,
          };
          assert.notEqual(judge(scheme, values, body), true);
        }),
        { numRuns: 300 },
      );
    }
  });

  test('two times, no time, an endless id', () => {
    const stripe: WebhookScheme = webhookSchemes.stripe;
    const signature = mac(`${time}.{"a":1}`);
    assert.equal(judge(stripe, { 'stripe-signature': `t=${time},t=1,v1=${signature}` }, body), 'malformed');
    assert.equal(judge(stripe, { 'stripe-signature': `v1=${signature}` }, body), 'malformed');
    assert.equal(judge(stripe, { 'stripe-signature': `t=-5,v1=${signature}` }, body), 'malformed');
    const standard = genuine[4]![1];
    assert.equal(
      judge(webhookSchemes.standard, { ...standard, 'webhook-id': 'x'.repeat(300) }, body),
      'malformed',
    );
  });
});
