// What policies see as `context`: made of the exchange piece by piece, and only of what a policy asks for. HOT
import type { Exchange } from '../../exchange/index.ts';
import { CedarRecord, CedarSet, CedarTime, IpRange, type Value } from '../../policy/index.ts';
import { type BodyType, bodyValue } from './body-type.ts';
import { type ParameterReader, parameterValue } from './parameters.ts';
import { NO_BODY } from './rule.ts';

/** What the contract says of an operation's requests. */
export interface RequestShape {
  readonly readers: ReadonlyMap<string, ParameterReader>;
  /** Null when policies see no body. */
  readonly body: BodyType | null;
}

/** A record whose members are computed when they are asked for, each at most once. */
abstract class LazyRecord extends CedarRecord {
  readonly #members = new Map<string, Value | undefined>();

  override get(name: string): Value | undefined {
    if (this.#members.has(name)) return this.#members.get(name);
    const value = this.compute(name);
    this.#members.set(name, value);
    return value;
  }

  override *names(): Iterable<string> {
    for (const name of this.all()) if (this.get(name) !== undefined) yield name;
  }

  protected abstract all(): Iterable<string>;
  protected abstract compute(name: string): Value | undefined;
}

const contextNames = [
  'parameters',
  'body',
  'risk',
  'time',
  'network',
  'request',
  'authentication',
  'device',
  'tls',
] as const;

export class RequestContext extends LazyRecord {
  readonly #exchange: Exchange;
  readonly #body: unknown;
  readonly #shape: RequestShape;

  constructor(exchange: Exchange, body: unknown, shape: RequestShape) {
    super();
    this.#exchange = exchange;
    this.#body = body;
    this.#shape = shape;
  }

  protected override all(): Iterable<string> {
    return contextNames;
  }

  protected override compute(name: string): Value | undefined {
    const exchange = this.#exchange;
    switch (name) {
      case 'parameters':
        return new ParameterRecord(exchange, this.#shape.readers);
      case 'body':
        return this.#body === NO_BODY || this.#shape.body === null
          ? undefined
          : bodyValue(this.#body, this.#shape.body);
      case 'risk':
        return exchange.risk;
      case 'time':
        return new CedarTime('datetime', exchange.receivedMs);
      case 'network':
      case 'request':
      case 'authentication':
      case 'device':
        return new PartRecord(exchange, name);
      case 'tls':
        return exchange.tls === null ? undefined : new PartRecord(exchange, name);
      default:
        return undefined;
    }
  }
}

class ParameterRecord extends LazyRecord {
  readonly #exchange: Exchange;
  readonly #readers: ReadonlyMap<string, ParameterReader>;

  constructor(exchange: Exchange, readers: ReadonlyMap<string, ParameterReader>) {
    super();
    this.#exchange = exchange;
    this.#readers = readers;
  }

  protected override all(): Iterable<string> {
    return this.#readers.keys();
  }

  protected override compute(name: string): Value | undefined {
    const reader = this.#readers.get(name);
    return reader === undefined ? undefined : parameterValue(reader, this.#exchange);
  }
}

type Part = 'network' | 'request' | 'authentication' | 'device' | 'tls' | 'certificate';

const partNames: Readonly<Record<Part, readonly string[]>> = {
  network: ['address', 'secure', 'listener', 'country', 'asn', 'organization'],
  request: ['method', 'host', 'path'],
  authentication: ['method', 'acr', 'amr', 'age'],
  device: ['agent'],
  tls: ['version', 'cipher', 'certificate'],
  certificate: ['fingerprint', 'names'],
};

class PartRecord extends LazyRecord {
  readonly #exchange: Exchange;
  readonly #part: Part;

  constructor(exchange: Exchange, part: Part) {
    super();
    this.#exchange = exchange;
    this.#part = part;
  }

  protected override all(): Iterable<string> {
    return partNames[this.#part];
  }

  protected override compute(name: string): Value | undefined {
    const exchange = this.#exchange;
    switch (`${this.#part}.${name}`) {
      case 'network.address':
        return IpRange.parse(exchange.clientAddress) ?? undefined;
      case 'network.secure':
        return exchange.secure;
      case 'network.listener':
        return exchange.listener;
      case 'network.country':
        return exchange.place?.country || undefined;
      case 'network.asn':
        return exchange.place?.asn || undefined;
      case 'network.organization':
        return exchange.place?.organization || undefined;
      case 'request.method':
        return exchange.method;
      case 'request.host':
        return exchange.host;
      case 'request.path':
        return exchange.path;
      case 'device.agent':
        return exchange.fields.get('user-agent') ?? undefined;
      case 'tls.version':
        return exchange.tls?.version;
      case 'tls.cipher':
        return exchange.tls?.cipher;
      case 'tls.certificate':
        // One that was not verified speaks for nobody.
        return exchange.clientCertificate?.problem === ''
          ? new PartRecord(exchange, 'certificate')
          : undefined;
      case 'certificate.fingerprint':
        return exchange.clientCertificate?.fingerprint;
      case 'certificate.names':
        return new CedarSet(exchange.clientCertificate?.identities ?? []);
      default:
        return this.#part === 'authentication' ? authenticationValue(exchange, name) : undefined;
    }
  }
}

/** How, and how long ago, the caller proved who it is (OpenID Connect Core section 2: acr, amr, auth_time). */
function authenticationValue({ consumer, receivedMs }: Exchange, name: string): Value | undefined {
  if (consumer === null) return undefined;
  if (name === 'method') return consumer.method;
  const { acr, amr, auth_time: authTime } = consumer.claims;
  if (name === 'acr') return typeof acr === 'string' ? acr : undefined;
  if (name === 'amr') {
    if (!Array.isArray(amr)) return undefined;
    return new CedarSet(amr.filter((entry) => typeof entry === 'string'));
  }
  if (name !== 'age' || typeof authTime !== 'number') return undefined;
  const ageMs = Math.round(receivedMs - authTime * 1000);
  return Number.isSafeInteger(ageMs) ? new CedarTime('duration', ageMs + 0) : undefined;
}
