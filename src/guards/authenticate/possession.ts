// Tokens that are bound to a key (RFC 7800): the caller must show that it holds the key, by a proof for this very request
// (DPoP, RFC 9449) or by the certificate of its connection (RFC 8705). A token that says it is bound is never taken
// without, whatever the configuration asks for.
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../core/index.ts';
import type { ReplayTable } from '../../credentials/index.ts';
import { type Exchange, Refusal } from '../../exchange/index.ts';
import { normalisePath } from '../../http/uri/index.ts';
import { DpopVerifier } from '../../jose/index.ts';
import type { DpopConfig, TokenBinding } from './contract.ts';

/** What a token is bound to; empty texts for what it is not. */
export interface Confirmation {
  /** Thumbprint of the key that signs proofs. */
  readonly jkt: string;
  /** SHA-256 of the certificate, lower-case hexadecimal. */
  readonly certificate: string;
}

/** Nonces change this often, and the one before is taken as well, ms. */
const NONCE_MS = 120_000;

/** The token's `cnf`; null when it has none, 'unknown' when it is bound to something that can not be checked here. */
export function confirmationOf(claims: Readonly<Record<string, unknown>>): Confirmation | 'unknown' | null {
  const cnf = claims['cnf'];
  if (cnf === undefined) return null;
  if (typeof cnf !== 'object' || cnf === null || Array.isArray(cnf)) return 'unknown';
  let jkt = '';
  let certificate = '';
  for (const [name, value] of Object.entries(cnf)) {
    if (typeof value !== 'string' || !/^[A-Za-z0-9_-]{43}$/.test(value)) return 'unknown';
    if (name === 'jkt') jkt = value;
    else if (name === 'x5t#S256') certificate = Buffer.from(value, 'base64url').toString('hex');
    else return 'unknown';
  }
  return jkt === '' && certificate === '' ? 'unknown' : { jkt, certificate };
}

export class Possession {
  readonly #verifier: DpopVerifier;
  readonly #config: DpopConfig;
  readonly #replays: ReplayTable;
  readonly #nonceKey: Uint8Array;
  readonly #clock: Clock;
  /** `DPoP algs="…"`, for WWW-Authenticate. */
  readonly challenge: string;

  constructor(config: DpopConfig, replays: ReplayTable, nonceKey: Uint8Array, clock: Clock) {
    this.#config = config;
    this.#verifier = new DpopVerifier({
      algorithms: new Set(config.algorithms),
      maxAgeMs: config.maxAgeMs,
      clockSkewMs: config.clockSkewMs,
    });
    this.#replays = replays;
    this.#nonceKey = nonceKey;
    this.#clock = clock;
    this.challenge = `DPoP algs="${config.algorithms.join(' ')}"`;
  }

  /** Why a token must not be used in this way, apart from the proof: what it is bound to against how it came. */
  judgeBinding(confirmation: Confirmation | null, isDpop: boolean, wanted: TokenBinding): Refusal | null {
    const hasKey = confirmation !== null && confirmation.jkt !== '';
    // RFC 9449 section 7.1: a bound token comes with the scheme DPoP, and the scheme only with a bound token.
    if (hasKey && !isDpop) return this.#refuse('dpop-missing', 'invalid_token');
    if (!hasKey && isDpop) return this.#refuse('dpop-token-unbound', 'invalid_token');
    if (wanted === 'dpop' && !hasKey) return this.#refuse('token-unbound', 'invalid_token');
    const hasCertificate = confirmation !== null && confirmation.certificate !== '';
    if (wanted === 'mtls' && !hasCertificate) return this.#refuse('token-unbound', 'invalid_token');
    if (wanted === 'any' && !hasKey && !hasCertificate) return this.#refuse('token-unbound', 'invalid_token');
    return null;
  }

  /** Null when the caller holds what the token is bound to. */
  prove(exchange: Exchange, confirmation: Confirmation, token: string): Refusal | null {
    if (
      confirmation.certificate !== '' &&
      // TLS has proved that the client holds the certificate's key; whether somebody vouches for it is another question.
      exchange.clientCertificate?.fingerprint !== confirmation.certificate
    ) {
      return new Refusal('credentials-invalid', 'authenticate', 'certificate-binding', '', [
        'www-authenticate',
        'Bearer error="invalid_token", error_description="not valid"',
      ]);
    }
    return confirmation.jkt === '' ? null : this.#proveKey(exchange, confirmation.jkt, token);
  }

  #proveKey(exchange: Exchange, jkt: string, token: string): Refusal | null {
    const { fields } = exchange;
    const proof = fields.get('dpop');
    if (proof === null || fields.count('dpop') > 1)
      return this.#refuse(proof === null ? 'dpop-missing' : 'dpop-repeated', 'invalid_dpop_proof');
    // It was for the gate, and is good only once.
    fields.remove('dpop');
    const nowMs = this.#clock.epochMs();
    const verified = this.#verifier.verify(
      proof,
      { method: exchange.method, matchesTarget: (htu) => matchesTarget(htu, exchange), accessToken: token },
      nowMs,
    );
    if (typeof verified === 'string') return this.#refuse(`dpop-${verified}`, 'invalid_dpop_proof');
    if (verified.jkt !== jkt) return this.#refuse('dpop-other-key', 'invalid_dpop_proof');
    if (this.#config.nonce) {
      const window = Math.floor(nowMs / NONCE_MS);
      const isNew = this.#isNonce(verified.nonce, window);
      if (!isNew) exchange.answerFields.push('dpop-nonce', this.#nonce(window));
      if (!isNew && !this.#isNonce(verified.nonce, window - 1))
        return this.#refuse('dpop-nonce', 'use_dpop_nonce');
    }
    const { maxAgeMs, clockSkewMs } = this.#config;
    const verdict = this.#replays.use(
      `${jkt}|${verified.jti}`,
      verified.issuedMs + maxAgeMs + clockSkewMs,
      nowMs,
    );
    return verdict === 'fresh' ? null : this.#refuse(`dpop-${verdict}`, 'invalid_dpop_proof');
  }

  #nonce(window: number): string {
    return createHmac('sha256', this.#nonceKey)
      .update(`dpop nonce ${window}`)
      .digest('base64url')
      .slice(0, 24);
  }

  #isNonce(nonce: string, window: number): boolean {
    const expected = Buffer.from(this.#nonce(window));
    const given = Buffer.from(nonce);
    return given.length === expected.length && timingSafeEqual(given, expected);
  }

  #refuse(reason: string, error: string): Refusal {
    return new Refusal('credentials-invalid', 'authenticate', reason, '', [
      'www-authenticate',
      `${this.challenge}, error="${error}"`,
    ]);
  }
}

/**
 * Whether `htu` is the request's URL without query and fragment (RFC 9449 section 4.3, check 9). Behind a proxy that ends
 * TLS the gate does not see the client's scheme: there both are taken.
 */
export function matchesTarget(
  htu: string,
  exchange: Pick<Exchange, 'authority' | 'path' | 'secure'>,
): boolean {
  if (htu.length > 4096 || !URL.canParse(htu)) return false;
  const url = new URL(htu);
  if (url.protocol !== 'https:' && (exchange.secure || url.protocol !== 'http:')) return false;
  if (url.username !== '' || url.password !== '') return false;
  const authority = exchange.authority
    .toLowerCase()
    .replace(url.protocol === 'https:' ? /:443$/ : /:80$/, '');
  return url.host === authority && normalisePath(url.pathname) === exchange.path;
}
