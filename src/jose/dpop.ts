// DPoP proofs (RFC 9449 section 4): a JWT that the client signs for one request with the key that its token is bound
// to. Whether the proof was used before, and whose token it goes with, is for the caller to judge.
import { hash } from 'node:crypto';
import { type CompiledKey, compileJwk, JwkError } from './jwk.ts';
import { parseJws, verifyJws } from './jws.ts';
import { parseJsonObject } from './strict-json.ts';
import { jwkThumbprint } from './thumbprint.ts';

/** Longest proof read, bytes: an RSA key and its signature fit. */
const MAX_PROOF_BYTES = 4096;
const MAX_JTI = 256;
/** Keys of clients that were seen lately; each costs some tens of microseconds to compile. */
const GENERATION = 2000;

export interface DpopExpectations {
  /** Signature algorithms accepted; asymmetric ones only. */
  readonly algorithms: ReadonlySet<string>;
  /** How old a proof may be, ms. */
  readonly maxAgeMs: number;
  /** How far the client's clock may be ahead, ms. */
  readonly clockSkewMs: number;
}

export interface DpopRequest {
  readonly method: string;
  /** Whether `htu` names the request's target, without query and fragment. */
  matchesTarget(htu: string): boolean;
  /** The access token that the proof must name by its hash; null at the token endpoint, where there is none yet. */
  readonly accessToken: string | null;
}

export interface VerifiedProof {
  /** Thumbprint of the key that signed. */
  readonly jkt: string;
  readonly jti: string;
  readonly issuedMs: number;
  /** Nonce of the gate's that the proof carries; empty for none. */
  readonly nonce: string;
}

export type DpopProblem =
  | 'malformed'
  | 'algorithm'
  | 'type'
  | 'key'
  | 'signature'
  | 'claims'
  | 'method'
  | 'target'
  | 'too-old'
  | 'not-yet-valid'
  | 'token-hash';

interface ClientKey {
  readonly key: CompiledKey;
  readonly jkt: string;
}

/** Verifies proofs and remembers the keys of their clients. */
export class DpopVerifier {
  readonly #expected: DpopExpectations;
  /** By the first part of the proof, which is the same for all proofs of a client. */
  #young = new Map<string, ClientKey>();
  #old = new Map<string, ClientKey>();

  /** Throws RangeError when a symmetric algorithm is among those accepted. */
  constructor(expected: DpopExpectations) {
    for (const name of expected.algorithms)
      if (name.startsWith('HS')) throw new RangeError('a DPoP proof is signed with a private key');
    this.#expected = expected;
  }

  /** Checks 2 to 11 of RFC 9449 section 4.3 at `nowMs` (epoch); the rest needs what only the caller knows. */
  verify(proof: string, request: DpopRequest, nowMs: number): VerifiedProof | DpopProblem {
    if (proof.length > MAX_PROOF_BYTES) return 'malformed';
    const jws = parseJws(proof);
    if (typeof jws === 'string') return jws === 'algorithm' ? 'algorithm' : 'malformed';
    if (jws.header['typ'] !== 'dpop+jwt') return 'type';
    if (!this.#expected.algorithms.has(jws.algorithm.name)) return 'algorithm';
    const client = this.#clientKey(proof.slice(0, proof.indexOf('.')), jws.header['jwk']);
    if (client === null) return 'key';
    if (!verifyJws(jws, client.key)) return 'signature';
    const claims = parseJsonObject(jws.payload);
    if (claims === null) return 'claims';
    const { jti, htm, htu, iat, ath, nonce } = claims;
    if (typeof jti !== 'string' || jti === '' || jti.length > MAX_JTI) return 'claims';
    if (typeof htm !== 'string' || typeof htu !== 'string') return 'claims';
    if (typeof iat !== 'number' || !Number.isFinite(iat) || iat < 0 || iat > 8.64e12) return 'claims';
    if (nonce !== undefined && typeof nonce !== 'string') return 'claims';
    if (htm !== request.method) return 'method';
    if (!request.matchesTarget(htu)) return 'target';
    const issuedMs = iat * 1000;
    if (nowMs - issuedMs > this.#expected.maxAgeMs) return 'too-old';
    if (issuedMs - nowMs > this.#expected.clockSkewMs) return 'not-yet-valid';
    const { accessToken } = request;
    if (accessToken !== null && ath !== hash('sha256', accessToken, 'base64url')) return 'token-hash';
    return { jkt: client.jkt, jti, issuedMs, nonce: nonce ?? '' };
  }

  /** Null for what is no public key for signatures. */
  #clientKey(header: string, jwk: unknown): ClientKey | null {
    const known = this.#young.get(header) ?? this.#old.get(header);
    if (known !== undefined) return known;
    if (typeof jwk !== 'object' || jwk === null || Array.isArray(jwk)) return null;
    const members = jwk as Readonly<Record<string, unknown>>;
    // A private or symmetric key in the open is nobody's secret (check 7).
    if (members['d'] !== undefined || members['kty'] === 'oct') return null;
    let found: ClientKey;
    try {
      found = { key: compileJwk(members), jkt: jwkThumbprint(members) };
    } catch (error) {
      if (error instanceof JwkError) return null;
      throw error;
    }
    if (this.#young.size >= GENERATION) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(Buffer.from(header, 'latin1').toString('latin1'), found);
    return found;
  }
}
