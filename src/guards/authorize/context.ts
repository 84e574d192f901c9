// What policies see as `context`: made of the exchange piece by piece, and only of what a policy asks for. HOT
import type { Exchange } from '../../exchange/index.ts';
import { CedarRecord, CedarSet, CedarTime, IpRange, type Value } from '../../policy/index.ts';
import { type ParameterReader, parameterValue } from './parameters.ts';
import { NO_BODY } from './rule.ts';

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
] as const;

export class RequestContext extends LazyRecord {
  readonly #exchange: Exchange;
  readonly #body: unknown;
  readonly #readers: ReadonlyMap<string, ParameterReader>;

  constructor(exchange: Exchange, body: unknown, readers: ReadonlyMap<string, ParameterReader>) {
    super();
    this.#exchange = exchange;
    this.#body = body;
    this.#readers = readers;
  }

  protected override all(): Iterable<string> {
    return contextNames;
  }

  protected override compute(name: string): Value | undefined {
    const exchange = this.#exchange;
    switch (name) {
      case 'parameters':
        return new ParameterRecord(exchange, this.#readers);
      case 'body':
        return this.#body === NO_BODY ? undefined : bodyValue(this.#body);
      case 'risk':
        return exchange.risk;
      case 'time':
        return new CedarTime('datetime', exchange.receivedMs);
      case 'network':
      case 'request':
      case 'authentication':
      case 'device':
        return new PartRecord(exchange, name);
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

type Part = 'network' | 'request' | 'authentication' | 'device';

const partNames: Readonly<Record<Part, readonly string[]>> = {
  network: ['address', 'secure', 'listener'],
  request: ['method', 'host', 'path'],
  authentication: ['method', 'acr', 'amr', 'age'],
  device: ['agent'],
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
      case 'request.method':
        return exchange.method;
      case 'request.host':
        return exchange.host;
      case 'request.path':
        return exchange.path;
      case 'device.agent':
        return exchange.fields.get('user-agent') ?? undefined;
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

/** JSON as policies see it: fractions and null are no values of Cedar and are left out. */
export function bodyValue(json: unknown): Value | undefined {
  switch (typeof json) {
    case 'string':
    case 'boolean':
      return json;
    case 'number':
      return Number.isSafeInteger(json) ? json + 0 : undefined;
    case 'object':
      break;
    default:
      return undefined;
  }
  if (json === null) return undefined;
  if (!Array.isArray(json)) return new BodyRecord(json as Readonly<Record<string, unknown>>);
  const items: Value[] = [];
  for (const entry of json) {
    const item = bodyValue(entry);
    // A list with a hole would be another list than the one that is forwarded.
    if (item === undefined) return undefined;
    items.push(item);
  }
  return new CedarSet(items);
}

class BodyRecord extends LazyRecord {
  readonly #json: Readonly<Record<string, unknown>>;

  constructor(json: Readonly<Record<string, unknown>>) {
    super();
    this.#json = json;
  }

  protected override all(): Iterable<string> {
    return Object.keys(this.#json);
  }

  protected override compute(name: string): Value | undefined {
    return Object.hasOwn(this.#json, name) ? bodyValue(this.#json[name]) : undefined;
  }
}
