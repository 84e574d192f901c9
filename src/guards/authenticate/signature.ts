// Requests that their sender has signed: HTTP message signatures (RFC 9421) with the digest of the body (RFC 9530), and
// webhooks with a shared secret. The head says who it claims to be; where the body is part of what was signed, nothing goes
// on before it has been read and found to be so.
import type { Clock } from '../../core/index.ts';
import type { ReplayTable } from '../../credentials/index.ts';
import { type Consumer, type Decision, type Exchange, Refusal } from '../../exchange/index.ts';
import {
  compileSignatureKey,
  findGenuineSignature,
  matchesContentDigest,
  type OwnedKey,
  readWebhook,
  type VerifiedSignature,
  verifySignature,
  type WebhookClaim,
} from '../../httpsig/index.ts';
import { type CompiledMethod, NOT_THERE } from './compiled-method.ts';
import type { ConsumerConfig, SignatureMethod, WebhookMethod } from './contract.ts';

const refuse = (reason: string): Refusal =>
  new Refusal('credentials-invalid', 'authenticate', reason, '', ['www-authenticate', 'Signature']);

/** Callers by the ids of the keys that they sign with. */
export class SignatureKeyTable {
  readonly keys: ReadonlyMap<string, OwnedKey<Consumer>>;

  /** Throws RangeError for a key that does not fit its algorithm; the configuration has been checked for it. */
  constructor(consumers: readonly ConsumerConfig[]) {
    const keys = new Map<string, OwnedKey<Consumer>>();
    for (const consumer of consumers) {
      const scopes = new Set(consumer.scopes);
      for (const { id, algorithm, material } of consumer.signatureKeys) {
        keys.set(id, {
          owner: { id: consumer.id, method: 'signature', scopes, claims: {}, credentialId: id },
          key: compileSignatureKey(algorithm, material),
        });
      }
    }
    this.keys = keys;
  }
}

export function compileSignature(
  method: SignatureMethod,
  table: SignatureKeyTable,
  replays: ReplayTable,
  clock: Clock,
): CompiledMethod {
  const signature = new RequestSignature(method, table, replays, clock);
  return {
    challenge: 'Signature',
    run: (exchange) => signature.run(exchange),
    runBody: (exchange, body) => signature.runBody(exchange, body),
    strips: [],
  };
}

class RequestSignature {
  readonly #method: SignatureMethod;
  readonly #table: SignatureKeyTable;
  readonly #replays: ReplayTable;
  readonly #clock: Clock;
  /** Digest of the body that the head promises. */
  readonly #digests = new WeakMap<Exchange, string>();

  constructor(method: SignatureMethod, table: SignatureKeyTable, replays: ReplayTable, clock: Clock) {
    this.#method = method;
    this.#table = table;
    this.#replays = replays;
    this.#clock = clock;
  }

  run(exchange: Exchange): Decision | typeof NOT_THERE {
    const { fields } = exchange;
    if (!fields.has('signature-input')) return NOT_THERE;
    const nowMs = this.#clock.epochMs();
    const verified = this.#verify(exchange, nowMs);
    if (typeof verified === 'string') return refuse(`signature-${verified}`);
    if (this.#method.refusesReplays) {
      const id = `sig|${verified.keyId}|${verified.baseHash}`;
      const verdict = this.#replays.use(id, verified.untilMs, nowMs);
      if (verdict !== 'fresh') return refuse(`signature-${verdict}`);
    }
    if (verified.covered.has('content-digest'))
      this.#digests.set(exchange, fields.all('content-digest').join(', '));
    exchange.consumer = verified.owner;
    return null;
  }

  #verify(exchange: Exchange, nowMs: number): VerifiedSignature<Consumer> | string {
    const { method, authority, path, query, fields, secure, contentLength } = exchange;
    // What is not there needs no cover; what is there and not covered could have been added.
    const cover = this.#method.cover.filter(
      (name) => (name !== '@query' || query !== '') && (name !== 'content-digest' || contentLength !== 0),
    );
    const expected = { ...this.#method, cover };
    const inputs = fields.all('signature-input').join(', ');
    const signatures = fields.all('signature').join(', ');
    const verify = (scheme: string) =>
      verifySignature(
        { method, scheme, authority, path, query, fields, contentLength },
        inputs,
        signatures,
        this.#table.keys,
        expected,
        nowMs,
      );
    const verified = verify(secure ? 'https' : 'http');
    // TLS may have ended in front of the gate: then the sender has signed another scheme than the gate sees.
    return verified === 'signature' && !secure ? verify('https') : verified;
  }

  runBody(exchange: Exchange, body: Uint8Array): Decision {
    const digest = this.#digests.get(exchange);
    return digest === undefined || matchesContentDigest(digest, body) ? null : refuse('signature-digest');
  }
}

export function compileWebhook(method: WebhookMethod, replays: ReplayTable, clock: Clock): CompiledMethod {
  const webhook = new Webhook(method, replays, clock);
  return {
    challenge: 'Signature',
    run: (exchange) => webhook.run(exchange),
    runBody: (exchange, body) => webhook.runBody(exchange, body),
    strips: [],
  };
}

class Webhook {
  readonly #method: WebhookMethod;
  readonly #secrets: readonly Buffer[];
  readonly #consumer: Consumer;
  readonly #replays: ReplayTable;
  readonly #clock: Clock;
  /** What heads have said that let them pass so far. */
  readonly #claims = new WeakMap<Exchange, WebhookClaim>();

  constructor(method: WebhookMethod, replays: ReplayTable, clock: Clock) {
    this.#method = method;
    this.#secrets = method.secrets.map((secret) => Buffer.from(secret, 'base64'));
    this.#consumer = {
      id: method.caller,
      method: 'signature',
      scopes: new Set(method.scopes),
      claims: {},
      credentialId: '',
    };
    this.#replays = replays;
    this.#clock = clock;
  }

  run(exchange: Exchange): Decision | typeof NOT_THERE {
    const { scheme, toleranceMs } = this.#method;
    const { fields } = exchange;
    if (!fields.has(scheme.signatureField)) return NOT_THERE;
    const claim = readWebhook(
      scheme,
      (name) => (fields.count(name) === 1 ? fields.get(name) : null),
      toleranceMs,
      this.#clock.epochMs(),
    );
    if (typeof claim === 'string') return refuse(`webhook-${claim}`);
    this.#claims.set(exchange, claim);
    exchange.consumer = this.#consumer;
    return null;
  }

  runBody(exchange: Exchange, body: Uint8Array): Decision {
    const claim = this.#claims.get(exchange);
    if (claim === undefined) return null;
    const { scheme, toleranceMs, refusesReplays, caller } = this.#method;
    const genuine = findGenuineSignature(scheme, claim, body, this.#secrets);
    if (genuine === null) {
      // Nobody has called after all.
      exchange.consumer = null;
      return refuse('webhook-signature');
    }
    if (!refusesReplays || claim.timeMs === 0) return null;
    const untilMs = claim.timeMs + 2 * toleranceMs;
    const verdict = this.#replays.use(`hook|${caller}|${genuine}`, untilMs, this.#clock.epochMs());
    return verdict === 'fresh' ? null : refuse(`webhook-${verdict}`);
  }
}
