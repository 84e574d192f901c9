// How likely it is that a request does not come from whom it seems to: a number from 0 to 100, added up from signs that
// the configuration weighs. It refuses nothing by itself; policies read it as `context.risk`. HOT
import { createHash } from 'node:crypto';
import type { Clock } from '../../core/index.ts';
import { type Exchange, type Guard, noHooks, type RiskSign } from '../../exchange/index.ts';
import type { LastPlaces } from '../../geography/index.ts';
import { type LimitParameters, LimitResult, type LimitTable } from '../../limits/index.ts';
import { addressSetOf } from '../../net/index.ts';
import type { AddressLists } from '../admit/index.ts';
import type { RefusalsRisk, RiskConfig } from './contract.ts';
import { KnownDevices } from './new-device.ts';

export const MAX_RISK = 100;

/** What is remembered of callers and addresses, over all threads. */
export interface RiskMemory {
  readonly limits: LimitTable;
  readonly places: LastPlaces;
  /** Lists that come from elsewhere. */
  readonly lists: AddressLists;
  readonly clock: Clock;
}

/** Whether one sign is there. */
interface Sign {
  readonly name: RiskSign;
  readonly adds: number;
  holds(exchange: Exchange): boolean;
}

export class Risk {
  readonly #signs: readonly Sign[];
  /** Names of signs by the bits of those that hold. */
  readonly #names = new Map<number, readonly RiskSign[]>();
  /** Counts refusals by address; null where nobody asks for them. */
  readonly watch: Guard | null;

  constructor(config: RiskConfig, memory: RiskMemory) {
    const bad = config.refusals === null ? null : new BadAddresses(config.refusals, memory);
    this.watch =
      bad === null ? null : { ...noHooks, name: 'authorize', onEnd: (exchange) => bad.note(exchange) };
    this.#signs = [
      ...signsOfAddresses(config, memory),
      ...signsOfAge(config),
      ...signsOfMemory(config, memory),
      ...signsOfRefusals(config, bad),
    ];
  }

  /** Adds the exchange's signs up and writes what it found to it. */
  assess(exchange: Exchange): void {
    let bits = 0;
    let risk = 0;
    for (let i = 0; i < this.#signs.length; i++) {
      const sign = this.#signs[i]!;
      if (!sign.holds(exchange)) continue;
      bits |= 1 << i;
      risk += sign.adds;
    }
    exchange.risk = risk > MAX_RISK ? MAX_RISK : risk;
    if (bits !== 0) exchange.riskSigns = this.#namesOf(bits);
  }

  /** What each sign that the exchange was found to have adds. */
  weights(exchange: Exchange): readonly { readonly name: RiskSign; readonly adds: number }[] {
    const open = [...exchange.riskSigns];
    return this.#signs.filter(({ name }) => open.includes(name)).map(({ name, adds }) => ({ name, adds }));
  }

  /**
   * What the exchange's own signs and those that were recorded add up to. Of recorded ones only those count that memory
   * has found; an address is asked for again.
   */
  weigh(exchange: Exchange, recorded: readonly string[]): number {
    let risk = 0;
    for (const { name, adds, holds } of this.#signs) {
      const isRemembered = name === 'new-device' || name === 'travel' || name === 'refusals';
      if (
        isRemembered ? recorded.includes(name) : holds(exchange) || (isAged(name) && recorded.includes(name))
      )
        risk += adds;
    }
    return Math.min(risk, MAX_RISK);
  }

  #namesOf(bits: number): readonly RiskSign[] {
    let names = this.#names.get(bits);
    if (names === undefined) {
      names = [...new Set(this.#signs.filter((_, i) => (bits & (1 << i)) !== 0).map(({ name }) => name))];
      this.#names.set(bits, names);
    }
    return names;
  }
}

const signsOfAddresses = (config: RiskConfig, { lists }: RiskMemory): Sign[] =>
  config.addresses.map(({ blocks, lists: names, countries, networks, adds }): Sign => {
    const named = names.map((name) => lists.of(name));
    const set = blocks.length === 0 ? null : addressSetOf(blocks);
    const inCountries = new Set(countries);
    const inNetworks = new Set(networks);
    return {
      name: 'address',
      adds,
      holds: ({ clientAddress, place }) =>
        (set?.has(clientAddress) ?? false) ||
        named.some((list) => list.set.has(clientAddress)) ||
        (place !== null && (inCountries.has(place.country) || inNetworks.has(place.asn))),
    };
  });

function signsOfAge({ tokenAge, credentialAge }: RiskConfig): Sign[] {
  const signs: Sign[] = [];
  if (tokenAge !== null)
    signs.push({
      name: 'token-age',
      adds: tokenAge.adds,
      holds: ({ consumer, receivedMs }) => {
        const issued = consumer?.claims['iat'];
        return typeof issued === 'number' && receivedMs - issued * 1000 > tokenAge.overMs;
      },
    });
  if (credentialAge !== null)
    signs.push({
      name: 'credential-age',
      adds: credentialAge.adds,
      holds: ({ consumer, receivedMs }) => {
        const issuedMs = consumer?.issuedMs;
        return issuedMs !== undefined && receivedMs - issuedMs > credentialAge.overMs;
      },
    });
  return signs;
}

function signsOfMemory({ newDevice, travel }: RiskConfig, { limits, places, clock }: RiskMemory): Sign[] {
  const signs: Sign[] = [];
  if (newDevice !== null) {
    const devices = new KnownDevices(newDevice.rememberMs, limits, clock);
    signs.push({
      name: 'new-device',
      adds: newDevice.adds,
      holds: (exchange) => devices.isNew(exchange),
    });
  }
  if (travel !== null) {
    const { rememberMs, maxKmh, adds } = travel;
    signs.push({
      name: 'travel',
      adds,
      holds: (exchange) => {
        const { consumer, place } = exchange;
        if (consumer === null || place === null) return false;
        exchange.journey = places.visit(consumer.id, place, clock.monotonicMs(), rememberMs, maxKmh);
        return exchange.journey !== null;
      },
    });
  }
  return signs;
}

const signsOfRefusals = ({ refusals }: RiskConfig, bad: BadAddresses | null): Sign[] =>
  refusals === null || bad === null
    ? []
    : [{ name: 'refusals', adds: refusals.adds, holds: (exchange) => bad.has(exchange) }];

const idOf = (text: string): number => createHash('sha256').update(text).digest().readUIntBE(0, 6);

/** The log does not say when credentials were issued. */
const isAged = (name: RiskSign): boolean => name === 'token-age' || name === 'credential-age';

/** Addresses from which more was refused than honest callers get refused: what the gate itself knows of them. */
class BadAddresses {
  readonly #memory: RiskMemory;
  readonly #count: LimitParameters;
  readonly #bad: LimitParameters;
  readonly #result = new LimitResult();

  constructor({ count, periodMs, rememberMs }: RefusalsRisk, memory: RiskMemory) {
    this.#memory = memory;
    const intervalMs = periodMs / count;
    this.#count = {
      id: idOf(`risk\nrefusals\n${count}\n${periodMs}`),
      intervalMs,
      toleranceMs: (count - 1) * intervalMs,
      burst: count,
    };
    this.#bad = { id: idOf(`risk\nbad\n${rememberMs}`), intervalMs: rememberMs, toleranceMs: 0, burst: 1 };
  }

  has({ clientAddress }: Exchange): boolean {
    const { limits, clock } = this.#memory;
    return limits.isTaken(this.#bad, clientAddress, clock.monotonicMs());
  }

  note({ refusal, clientAddress }: Exchange): void {
    if (refusal === null || !judging.has(refusal.guard)) return;
    const { limits, clock } = this.#memory;
    const nowMs = clock.monotonicMs();
    limits.take(this.#count, clientAddress, nowMs, this.#result);
    if (!this.#result.allowed) limits.take(this.#bad, clientAddress, nowMs, this.#result);
  }
}

/** Guards whose refusals say something of the caller; limits and failures of services do not. */
const judging: ReadonlySet<string> = new Set(['authenticate', 'authorize', 'validate', 'inspect']);
