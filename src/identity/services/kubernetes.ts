// Attestation by Kubernetes service-account tokens: by TokenReview, which knows of deleted pods and accounts, or by the cluster's key set
// where its API server can not be asked. Only tokens for the gate's own audience count: one that a pod carries for the API server
// would otherwise make every service that receives it the pod.
import { readFileSync } from 'node:fs';
import type { Clock } from '../../core/index.ts';
import {
  compileKeySet,
  JwkError,
  type KeySet,
  MAX_TOKEN_BYTES,
  parseJwt,
  verifyJwt,
} from '../../jose/index.ts';
import { FetchError, guardedFetch } from '../../net/index.ts';
import type { ClusterConfig } from './settings.ts';

const TIMEOUT_MS = 5000;
const MAX_BYTES = 1_048_576;
/** A key set is fetched again after this time, and after this one when a key is unknown, ms. */
const KEEP_MS = 600_000;
const REFETCH_MS = 10_000;
const algorithms = new Set(['RS256', 'ES256', 'ES384', 'PS256']);
const account = /^system:serviceaccount:([a-z0-9.-]{1,253}):([a-z0-9.-]{1,253})$/;

export interface AttestedAccount {
  readonly namespace: string;
  readonly account: string;
}

/** One cluster as a witness. */
export class ClusterWitness {
  readonly config: ClusterConfig;
  readonly #clock: Clock;
  #keys: { readonly set: KeySet; readonly fetchedMs: number } | null = null;

  constructor(config: ClusterConfig, clock: Clock) {
    this.config = config;
    this.#clock = clock;
  }

  /** Whose token it is; null when it is nobody's. Rejects with FetchError when the cluster can not be asked. */
  async attest(token: string): Promise<AttestedAccount | null> {
    if (token === '' || token.length > MAX_TOKEN_BYTES || /[^\x21-\x7e]/.test(token)) return null;
    return this.config.verify.kind === 'review' ? this.#review(token) : this.#verify(token);
  }

  async #review(token: string): Promise<AttestedAccount | null> {
    const { audience, verify } = this.config;
    const answer = await guardedFetch({
      url: `${verify.url.replace(/\/$/, '')}/apis/authentication.k8s.io/v1/tokenreviews`,
      method: 'POST',
      headers: { ...this.#authorization(), 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenReview',
        spec: { token, audiences: [audience] },
      }),
      reach: 'anywhere',
      ca: verify.ca,
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_BYTES,
    });
    if (answer.status !== 200 && answer.status !== 201)
      throw new FetchError(`the API server answers ${answer.status} to a TokenReview`);
    const { status } = parse(answer.body);
    const { authenticated, audiences, user, error } = record(status);
    // An API server that does not know audiences answers without them: then the token may be for anybody.
    if (authenticated !== true || (error !== undefined && error !== '')) return null;
    if (!Array.isArray(audiences) || !audiences.includes(audience)) return null;
    return accountOf(record(user)['username']);
  }

  async #verify(token: string): Promise<AttestedAccount | null> {
    const { audience, verify } = this.config;
    if (verify.kind !== 'jwks') return null;
    const jws = parseJwt(token);
    if (typeof jws === 'string') return null;
    const expected = {
      issuer: verify.issuer,
      audiences: [audience],
      algorithms,
      types: ['', 'jwt'],
      requiredClaims: [],
      clockSkewMs: 30_000,
    };
    let keys = await this.#keySet(KEEP_MS);
    let verified = verifyJwt(jws, keys, expected, this.#clock.epochMs());
    if (verified === 'unknown-key') {
      keys = await this.#keySet(REFETCH_MS);
      verified = verifyJwt(jws, keys, expected, this.#clock.epochMs());
    }
    if (typeof verified === 'string') return null;
    const { sub, 'kubernetes.io': bound } = verified.claims;
    const found = accountOf(sub);
    const { namespace, serviceaccount } = record(bound);
    // A bound, projected token says twice whose it is; one that does not is of the old, endless kind.
    const isSame = namespace === found?.namespace && record(serviceaccount)['name'] === found?.account;
    return isSame ? found : null;
  }

  async #keySet(maxAgeMs: number): Promise<KeySet> {
    const nowMs = this.#clock.epochMs();
    if (this.#keys !== null && nowMs - this.#keys.fetchedMs < maxAgeMs) return this.#keys.set;
    const { url, ca } = this.config.verify;
    const answer = await guardedFetch({
      url,
      headers: this.#authorization(),
      reach: 'anywhere',
      ca,
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_BYTES,
    });
    if (answer.status !== 200)
      throw new FetchError(`the key set of ${this.config.name} answers ${answer.status}`);
    try {
      this.#keys = { set: compileKeySet(answer.body), fetchedMs: nowMs };
    } catch (error) {
      if (error instanceof JwkError)
        throw new FetchError(`the key set of ${this.config.name} can not be used`);
      throw error;
    }
    return this.#keys.set;
  }

  #authorization(): Record<string, string> {
    const { bearerFile } = this.config.verify;
    if (bearerFile === '') return {};
    try {
      return { authorization: `Bearer ${readFileSync(bearerFile, 'utf8').trim()}` };
    } catch {
      throw new FetchError(`the token for ${this.config.name} can not be read`);
    }
  }
}

const record = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

function parse(text: string): Record<string, unknown> {
  try {
    return record(JSON.parse(text));
  } catch {
    throw new FetchError('the API server answers with no JSON');
  }
}

function accountOf(username: unknown): AttestedAccount | null {
  const match = typeof username === 'string' ? account.exec(username) : null;
  return match === null ? null : { namespace: match[1]!, account: match[2]! };
}
