import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DpopVerifier, JwkError, jwkThumbprint } from './index.ts';

test('the thumbprint of the example of RFC 7638 section 3.1', () => {
  const n =
    '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw';
  const key = { kty: 'RSA', n, e: 'AQAB', alg: 'RS256', kid: '2011-04-29' };
  assert.equal(jwkThumbprint(key), 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs');
  for (const wrong of [{ kty: 'RSA', n }, { kty: 'x' }, {}])
    assert.throws(() => jwkThumbprint(wrong), JwkError);
});

test('proofs are never taken with symmetric algorithms', () => {
  assert.throws(
    () => new DpopVerifier({ algorithms: new Set(['HS256']), maxAgeMs: 1, clockSkewMs: 1 }),
    RangeError,
  );
});
