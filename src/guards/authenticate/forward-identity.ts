// Tells the service who calls, in a way that no client can imitate: a JWT that the gate signs for this one service and
// that lives for a minute at most. What the client itself sent under that name never arrives. HOT
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../core/index.ts';
import {
  type Consumer,
  type Decision,
  type Exchange,
  type Guard,
  noHooks,
  Refusal,
} from '../../exchange/index.ts';
import { type CompiledKey, compileJwk, signJws } from '../../jose/index.ts';
import type { ForwardConfig, SigningKeyData } from './contract.ts';

/** The key that a thread signs with; it outlasts snapshots. */
export class IdentitySigner {
  #key: CompiledKey | null = null;
  #algorithm = '';
  /** Changes with every key. */
  version = 0;

  /** Takes a key; null is no key. */
  update(key: SigningKeyData | null): void {
    if (key === null) return;
    this.#key = compileJwk(JSON.parse(key.jwk) as Record<string, unknown>);
    this.#algorithm = key.algorithm;
    this.version++;
  }

  /** Null without a key. */
  sign(claims: Readonly<Record<string, unknown>>): string | null {
    const key = this.#key;
    if (key === null) return null;
    const header = { alg: this.#algorithm, typ: 'JWT', kid: key.kid };
    return signJws(header, Buffer.from(JSON.stringify(claims)), key);
  }
}

interface Signed {
  readonly token: string;
  readonly renewMs: number;
  readonly version: number;
}

const unavailable = new Refusal('key-source-unavailable', 'authenticate', 'no-signing-key');

/** Guard that adds the token for `audience`; null where services are told nothing. */
export function compileForwardIdentity(
  config: ForwardConfig | null,
  audience: string,
  signer: IdentitySigner,
  clock: Clock,
): Guard | null {
  if (config === null) return null;
  const forward = new ForwardIdentity(config, audience, signer, clock);
  return { ...noHooks, name: 'authenticate', onRequest: (exchange) => forward.run(exchange) };
}

class ForwardIdentity {
  readonly #config: ForwardConfig;
  readonly #audience: string;
  readonly #signer: IdentitySigner;
  readonly #clock: Clock;
  /** Callers are the same objects as long as their verdicts are cached; what is forgotten there goes here too. */
  readonly #signed = new WeakMap<Consumer, Signed>();

  constructor(config: ForwardConfig, audience: string, signer: IdentitySigner, clock: Clock) {
    this.#config = config;
    this.#audience = audience;
    this.#signer = signer;
    this.#clock = clock;
  }

  run(exchange: Exchange): Decision {
    const { header, keepAuthorization } = this.#config;
    const { fields, consumer } = exchange;
    fields.remove(header);
    if (consumer === null) return null;
    const nowMs = this.#clock.epochMs();
    let signed = this.#signed.get(consumer);
    if (signed === undefined || nowMs >= signed.renewMs || signed.version !== this.#signer.version) {
      const fresh = this.#sign(consumer, nowMs);
      if (fresh === null) return unavailable;
      signed = fresh;
      this.#signed.set(consumer, signed);
    }
    if (!keepAuthorization) fields.remove('authorization');
    exchange.upstreamFields.push(header, signed.token);
    return null;
  }

  #sign(consumer: Consumer, nowMs: number): Signed | null {
    const { issuer, lifetimeMs, claims: names } = this.#config;
    const seconds = Math.floor(nowMs / 1000);
    const claims: Record<string, unknown> = {};
    // The gate's own claims come last: no token's claim can take their place.
    for (const name of names) {
      const value = consumer.claims[name];
      if (value !== undefined) claims[name] = value;
    }
    claims['iss'] = issuer;
    claims['aud'] = this.#audience;
    claims['sub'] = consumer.id;
    claims['iat'] = seconds;
    claims['exp'] = seconds + Math.floor(lifetimeMs / 1000);
    claims['jti'] = randomBytes(12).toString('base64url');
    claims['scope'] = [...consumer.scopes].join(' ');
    claims['method'] = consumer.method;
    const token = this.#signer.sign(claims);
    // Used for half of its life: what arrives has the other half left.
    return token === null ? null : { token, renewMs: nowMs + lifetimeMs / 2, version: this.#signer.version };
  }
}
