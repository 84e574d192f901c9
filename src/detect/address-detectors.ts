// What addresses do, whoever they say they are: guessing, looking for what is not there, trying payloads, coming with retired
// credentials. Compared with what addresses usually do.
import {
  betaBinomialUpper,
  combineIndependent,
  DistinctCounter,
  type DistinctHash,
  poissonUpper,
} from '../anomaly/index.ts';
import { BoundedMap } from './bounded-map.ts';
import type { DetectSettings } from './contract.ts';
import { isRetired, type Observation } from './observation.ts';
import type { Reporter } from './reporter.ts';

const WINDOW_MS = 600_000;
/** Slow guessing is seen over so long, ms. */
const LONG_MS = 6 * 3_600_000;
/** Attempts that what is known of everybody's failures weighs as, for one address: people mistype in rows. */
const PRIOR_ATTEMPTS = 6;
const scannerAgents =
  /sqlmap|nikto|nuclei|masscan|zgrab|gobuster|dirbuster|ffuf|wfuzz|acunetix|nessus|openvas|wpscan|feroxbuster|arachni|w3af/i;

export interface AddressState {
  readonly firstMs: number;
  lastMs: number;
  /** Logins and requests with valid credentials, ever. */
  good: number;
  failures: number;
  /** Failures of the last hours, fading. */
  slowFailures: number;
  slowGood: number;
  slowMs: number;
  window: number;
  requests: number;
  windowFailures: number;
  windowGood: number;
  /** Requests with valid credentials in the window. */
  windowValid: number;
  unknown: DistinctCounter | null;
  suspicious: number;
  rules: Set<number> | null;
  retired: number;
  nextCheck: number;
}

export class AddressDetectors {
  readonly #addresses: BoundedMap<AddressState>;
  readonly #settings: DetectSettings;
  readonly #reporter: Reporter;
  readonly #hash: DistinctHash;
  #failures = 1;
  #attempts = 20;
  /** Different unknown paths of an address in a window, on average. */
  #unknownMean = 0.05;
  #startedMs = 0;

  constructor(settings: DetectSettings, reporter: Reporter, hash: DistinctHash) {
    this.#settings = settings;
    this.#reporter = reporter;
    this.#hash = hash;
    this.#addresses = new BoundedMap(settings.maxEntities);
  }

  get size(): number {
    return this.#addresses.size;
  }

  /** Usual share of failed logins. */
  get failureShare(): number {
    return this.#failures / this.#attempts;
  }

  stateOf(address: string): AddressState | null {
    return this.#addresses.peek(address) ?? null;
  }

  take(seen: Observation): AddressState {
    const { address, atMs, record } = seen;
    if (this.#startedMs === 0) this.#startedMs = atMs;
    let state = this.#addresses.get(address);
    if (state === undefined) {
      state = newState(atMs);
      this.#addresses.set(address, state);
    }
    const window = Math.floor(atMs / WINDOW_MS);
    if (window > state.window) this.#close(state, window);
    state.lastMs = atMs;
    state.requests++;
    if (seen.isAuthFailure || seen.isLogin) this.#countLogin(state, seen);
    else if (seen.consumer !== '') {
      state.good++;
      state.windowValid++;
    }
    if (seen.isUnknown) {
      state.unknown ??= new DistinctCounter();
      state.unknown.add(this.#hash.of(record.path ?? ''));
    }
    if (seen.isSuspicious) {
      state.suspicious++;
      state.rules ??= new Set();
      for (const rule of record.rules ?? []) if (state.rules.size < 64) state.rules.add(rule);
    }
    if (isRetired(record)) {
      state.retired++;
      if (state.retired === 3) this.#checkRetired(state, seen);
    }
    if (state.requests >= state.nextCheck || (seen.isUnknown && state.requests < 40)) {
      state.nextCheck = Math.ceil(state.requests * 1.5);
      this.#checkScan(state, seen);
    }
    return state;
  }

  #close(state: AddressState, window: number): void {
    this.#unknownMean += (Math.min(state.unknown?.size ?? 0, 3) - this.#unknownMean) / 2000;
    state.window = window;
    state.requests = 0;
    state.windowFailures = 0;
    state.windowGood = 0;
    state.windowValid = 0;
    state.unknown = null;
    state.suspicious = 0;
    state.rules = null;
    state.retired = 0;
    state.nextCheck = 4;
  }

  #countLogin(state: AddressState, seen: Observation): void {
    const fading = 0.5 ** ((seen.atMs - state.slowMs) / LONG_MS);
    state.slowFailures = state.slowFailures * fading + (seen.isAuthFailure ? 1 : 0);
    state.slowGood = state.slowGood * fading + (seen.isLogin ? 1 : 0);
    state.slowMs = seen.atMs;
    if (seen.isLogin) {
      state.good++;
      state.windowGood++;
    } else {
      state.failures++;
      state.windowFailures++;
    }
    // What one address does is at most a little of what everybody does.
    const weight = 1 / (1 + Math.max(0, state.slowFailures - 5));
    this.#failures = this.#failures * 0.9998 + (seen.isAuthFailure ? weight : 0);
    this.#attempts = this.#attempts * 0.9998 + (seen.isAuthFailure ? weight : 1);
    if (!seen.isAuthFailure) return;
    const failures = Math.round(Math.max(state.windowFailures, state.slowFailures));
    const good = Math.round(state.windowFailures >= state.slowFailures ? state.windowGood : state.slowGood);
    if (failures < 8 || (failures > 12 && failures % 4 !== 0)) {
      this.#reporter.test('brute-force', 1, seen.atMs);
      return;
    }
    const share = Math.min(Math.max(this.failureShare, 0.02), 0.5);
    const p = betaBinomialUpper(
      failures,
      failures + good,
      share * PRIOR_ATTEMPTS * 2,
      (1 - share) * PRIOR_ATTEMPTS * 2,
    );
    if (!this.#reporter.test('brute-force', p, seen.atMs)) return;
    this.#reporter.tell('brute-force', {
      atMs: seen.atMs,
      entity: { kind: 'address', id: seen.address },
      p,
      reason: `${seen.address} failed to log in ${failures} times and succeeded ${good} times; of all attempts ${Math.round(100 * this.failureShare)} % fail.`,
      evidence: {
        failures,
        successes: good,
        usualShare: Math.round(this.failureShare * 1000) / 1000,
        agent: seen.record.user_agent ?? '',
      },
      addresses: [seen.address],
      operations: seen.operation === null ? [] : [seen.operation.key],
    });
  }

  #checkScan(state: AddressState, seen: Observation): void {
    const { atMs, address, record } = seen;
    const unknown = state.unknown?.size ?? 0;
    const isTool = unknown >= 5 && scannerAgents.test(record.user_agent ?? '');
    const amount =
      unknown < 5 ? 1 : poissonUpper(unknown, Math.max(this.#unknownMean, 0.2) * (1 + state.good / 1000));
    const pUnknown = isTool ? amount * 0.01 : amount;
    if (this.#reporter.test('scanner', pUnknown, atMs))
      this.#reporter.tell('scanner', {
        atMs,
        entity: { kind: 'address', id: address },
        p: pUnknown,
        reason: `${address} asked for ${unknown} different things that are not there, in ${state.requests} requests within ten minutes.`,
        evidence: {
          unknown,
          requests: state.requests,
          agent: record.user_agent ?? '',
          lastPath: record.path ?? '',
        },
        addresses: [address],
        consumers: seen.consumer === '' ? [] : [seen.consumer],
      });
    const rules = state.rules?.size ?? 0;
    // Callers have a detector of their own: their address may be that of many.
    const isSeries = seen.consumer === '' && state.suspicious >= 4 && rules >= 3;
    const pRules = isSeries ? poissonUpper(rules, 0.15) : 1;
    if (this.#reporter.test('waf-evasion', pRules, atMs))
      this.#reporter.tell('waf-evasion', {
        atMs,
        entity: { kind: 'address', id: address },
        p: pRules,
        reason: `${address} sent ${state.suspicious} requests that ${rules} different rules matched within ten minutes: variations of an attack.`,
        evidence: { suspicious: state.suspicious, rules: [...state.rules!].slice(0, 16).map(String) },
        addresses: [address],
        operations: seen.operation === null ? [] : [seen.operation.key],
      });
  }

  /** A retired credential from where its owner never was; the owner who forgot to replace it comes from the known place. */
  #checkRetired(state: AddressState, seen: Observation): void {
    const { atMs, address, record } = seen;
    if (atMs - this.#startedMs < this.#settings.learnMs || state.good > 0 || atMs - state.firstMs > WINDOW_MS)
      return;
    const p = combineIndependent([1e-4, poissonUpper(state.retired, 0.05)]);
    if (!this.#reporter.test('dead-key', p, atMs)) return;
    this.#reporter.tell('dead-key', {
      atMs,
      entity: { kind: 'address', id: address },
      p,
      reason: `${address}, which was never seen before, came ${state.retired} times with a credential that has been withdrawn (${record.reason}).`,
      evidence: {
        attempts: state.retired,
        reason: record.reason ?? '',
        agent: record.user_agent ?? '',
        country: seen.country,
      },
      addresses: [address],
      operations: seen.operation === null ? [] : [seen.operation.key],
    });
  }

  toJSON(): AddressesState {
    return {
      rates: [this.#failures, this.#attempts, this.#unknownMean, this.#startedMs],
      good: this.#goodOnes(),
    };
  }

  /** Addresses that are known to be good: what matters after a restart. */
  #goodOnes(): [string, number, number][] {
    const good: [string, number, number][] = [];
    for (const [address, state] of this.#addresses.entries())
      if (state.good > 0) good.push([address, state.firstMs, state.good]);
    return good;
  }

  restore({ rates, good }: AddressesState): void {
    [this.#failures = 1, this.#attempts = 20, this.#unknownMean = 0.05, this.#startedMs = 0] = rates;
    for (const [address, firstMs, count] of good) {
      const state = newState(firstMs);
      state.good = count;
      this.#addresses.set(address, state);
    }
  }
}

export interface AddressesState {
  readonly rates: readonly number[];
  readonly good: readonly (readonly [string, number, number])[];
}

const newState = (atMs: number): AddressState => ({
  firstMs: atMs,
  lastMs: atMs,
  good: 0,
  failures: 0,
  slowFailures: 0,
  slowGood: 0,
  slowMs: atMs,
  window: Math.floor(atMs / WINDOW_MS),
  requests: 0,
  windowFailures: 0,
  windowGood: 0,
  windowValid: 0,
  unknown: null,
  suspicious: 0,
  rules: null,
  retired: 0,
  nextCheck: 4,
});
