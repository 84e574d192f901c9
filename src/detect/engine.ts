// Detection over finished exchanges: each record is looked at once, on the main thread, and never holds up a request. Time is that of
// the records, so that a log can be judged later as it would have been.
import { DistinctHash } from '../anomaly/index.ts';
import { AddressSet } from '../net/index.ts';
import type { ExchangeRecord } from '../telemetry/index.ts';
import { AddressDetectors, type AddressesState } from './address-detectors.ts';
import { CallerDetectors, type CallersState } from './caller-detectors.ts';
import { type Alert, type DetectSettings, defaultSettings, type OperationFacts } from './contract.ts';
import { LoginDetector, type LoginState } from './login-detector.ts';
import { compileOperations, type KnownOperation, observe, subscriberOf } from './observation.ts';
import { OperationDetectors, type OperationsState } from './operation-detectors.ts';
import { Reporter } from './reporter.ts';

const MINUTE_MS = 60_000;
/** An address is a newcomer for so long, ms. */
const NEWCOMER_MS = 300_000;
const FORMAT = 1;
/** Callers of one piece of the models' text: some milliseconds. */
const PIECE = 500;

export interface EngineOptions {
  readonly settings?: Partial<DetectSettings>;
  readonly operations: readonly OperationFacts[];
  /** Secret seed of the distinct counters, so that nobody outside can make keys collide. */
  readonly seed: readonly [number, number];
  readonly onAlert: (alert: Alert) => void;
}

/** What the models have learned, as JSON. */
export interface ModelState {
  readonly format: number;
  readonly tests: readonly (readonly [string, number])[];
  readonly callers: CallersState;
  readonly addresses: AddressesState;
  readonly logins: LoginState;
  readonly credentials: LoginState;
  readonly operations: OperationsState;
}

export class DetectEngine {
  readonly #settings: DetectSettings;
  readonly #reporter: Reporter;
  readonly #callers: CallerDetectors;
  readonly #addresses: AddressDetectors;
  readonly #logins: LoginDetector;
  readonly #credentials: LoginDetector;
  readonly #operations: OperationDetectors;
  #known: Map<string, KnownOperation>;
  readonly #ignoredConsumers: ReadonlySet<string>;
  readonly #ignoredAddresses: AddressSet;
  #minute = -1;
  records = 0;

  constructor({ settings, operations, seed, onAlert }: EngineOptions) {
    this.#settings = { ...defaultSettings, ...settings };
    this.#reporter = new Reporter(this.#settings, onAlert);
    const hash = new DistinctHash(...seed);
    this.#callers = new CallerDetectors(this.#settings, this.#reporter, hash);
    this.#addresses = new AddressDetectors(this.#settings, this.#reporter, hash);
    this.#logins = new LoginDetector(this.#reporter);
    this.#credentials = new LoginDetector(this.#reporter);
    this.#operations = new OperationDetectors(this.#settings, this.#reporter, hash);
    this.#known = compileOperations(operations);
    this.#ignoredConsumers = new Set(this.#settings.ignoreConsumers);
    this.#ignoredAddresses = new AddressSet(this.#settings.ignoreAddresses);
    for (const detector of [this.#logins, this.#credentials])
      detector.knownGood = (address) => this.isKnownGood(address);
  }

  /** Operations of a new configuration. */
  configure(operations: readonly OperationFacts[]): void {
    this.#known = compileOperations(operations);
  }

  factsOf(key: string): OperationFacts | null {
    return this.#known.get(key)?.facts ?? null;
  }

  take(record: ExchangeRecord): void {
    this.records++;
    const seen = observe(record, this.#known);
    if (Number.isNaN(seen.atMs)) return;
    const minute = Math.floor(seen.atMs / MINUTE_MS);
    if (minute > this.#minute) this.tick(seen.atMs);
    // What the gate answers to those it has banned says nothing new.
    if (record.code === 'address-denied') return;
    if (this.#ignoredConsumers.has(seen.consumer) || this.#ignoredAddresses.has(record.client_address))
      return;
    const address = this.#addresses.take(seen);
    // Two streams: logins, of which some fail every day, and credentials, which programs present by
    // the thousand and which count once an address and window.
    if (seen.isLogin || (seen.isAuthFailure && seen.operation?.facts.isLogin === true))
      this.#logins.take(seen, address);
    else if (seen.isAuthFailure || address.windowValid === 1) this.#credentials.take(seen, address);
    if (seen.operation !== null) {
      const isNewcomer = seen.atMs - address.firstMs < NEWCOMER_MS && address.good === 0;
      this.#operations.take(seen.operation, seen, isNewcomer);
    }
    if (seen.consumer !== '') this.#callers.take(seen);
  }

  /** Ends what has ended by `nowMs`; records do so by themselves. */
  tick(nowMs: number): void {
    const minute = Math.floor(nowMs / MINUTE_MS);
    if (minute <= this.#minute) return;
    this.#minute = minute;
    this.#logins.tick(nowMs);
    this.#credentials.tick(nowMs);
    this.#operations.tick(nowMs, this.#known);
  }

  /** People said that it was nothing: it takes much more to say it again. */
  forgive(detector: string, entity: string): void {
    this.#reporter.forgive(detector, entity);
  }

  /** Callers in good standing come from there. */
  isKnownGood(address: string): boolean {
    return (this.#addresses.stateOf(subscriberOf(address))?.good ?? 0) > 0;
  }

  get sizes(): { readonly callers: number; readonly addresses: number } {
    return { callers: this.#callers.size, addresses: this.#addresses.size };
  }

  /** What an entity did before, in words; empty when nothing is known. */
  historyOf(consumer: string): string {
    const profile = this.#callers.profileOf(consumer);
    if (profile === null || profile.total === 0) return '';
    const days = profile.days[0] + profile.days[1];
    const places = profile.countries.length > 0 ? profile.countries : profile.networks;
    return `${consumer}: ${profile.total} requests on ${days} days, usually ${Math.round(profile.requests.typical)} in ten minutes, from ${places.slice(-4).join(', ')}, on ${profile.operations.length} operations.`;
  }

  toJSON(): ModelState {
    return { ...this.#restJSON(), callers: this.#callers.toJSON() };
  }

  #restJSON(): Omit<ModelState, 'callers'> {
    return {
      format: FORMAT,
      tests: this.#reporter.toJSON(),
      addresses: this.#addresses.toJSON(),
      logins: this.#logins.toJSON(),
      credentials: this.#credentials.toJSON(),
      operations: this.#operations.toJSON(),
    };
  }

  /** The same as JSON in pieces, so that whoever writes it can let others have a turn between two. */
  *pieces(): Generator<string> {
    const rest = this.#restJSON();
    const common = JSON.stringify(this.#callers.common());
    yield `${JSON.stringify(rest).slice(0, -1)},"callers":${common.slice(0, -1)},"callers":[`;
    let piece: string[] = [];
    let isFirst = true;
    for (const caller of this.#callers.callerStates()) {
      piece.push(JSON.stringify(caller));
      if (piece.length < PIECE) continue;
      yield `${isFirst ? '' : ','}${piece.join(',')}`;
      [piece, isFirst] = [[], false];
    }
    if (piece.length > 0) yield `${isFirst ? '' : ','}${piece.join(',')}`;
    yield ']}}';
  }

  /** Goes on from what was learned before; false where it was written by another version, and is then learned anew. */
  restore(state: ModelState): boolean {
    if (state.format !== FORMAT) return false;
    this.#reporter.restore(state.tests);
    this.#callers.restore(state.callers);
    this.#addresses.restore(state.addresses);
    this.#logins.restore(state.logins);
    this.#credentials.restore(state.credentials);
    this.#operations.restore(state.operations);
    return true;
  }
}
