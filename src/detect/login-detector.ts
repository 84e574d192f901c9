// Credential stuffing: failed logins of all addresses together, so that a campaign of a thousand addresses with one attempt each is as
// plain as one address with a thousand. Minutes are compared with the week's baseline; a slow campaign is found by the change of the
// ratio, whose evidence adds up over hours.
import {
  betaBinomialUpper,
  negativeBinomialUpper,
  RatioChange,
  SeasonalBaseline,
  type SeasonalState,
} from '../anomaly/index.ts';
import type { AddressState } from './address-detectors.ts';
import { BoundedMap } from './bounded-map.ts';
import { programOf } from './caller-profile.ts';
import type { Observation } from './observation.ts';
import type { Reporter } from './reporter.ts';

const MINUTE_MS = 60_000;
/** Bins of the baseline, ms. */
const BIN_MS = 5 * MINUTE_MS;
/** Failing addresses that are remembered, and for how long, ms. */
const MAX_SUSPECTS = 20_000;
const SUSPECT_MS = 6 * 3_600_000;
/** A sudden campaign is what failed within so long, ms. */
const RECENT_MS = 15 * MINUTE_MS;
/** Failures of an address that has the attack's program or not. */
const MANY = 5;
/** Addresses that one alert names. */
const MAX_NAMED = 500;
/** Attempts before the usual ratio is believed. */
const WARM_ATTEMPTS = 300;
/** Rows of one person's mistakes make failures come in clumps. */
const DISPERSION = 2.5;

interface Suspect {
  failures: number;
  lastMs: number;
  program: string;
}

export class LoginDetector {
  readonly #reporter: Reporter;
  #baseline = new SeasonalBaseline();
  #change = new RatioChange();
  readonly #suspects = new BoundedMap<Suspect>(MAX_SUSPECTS);
  #bin = -1;
  #minute = -1;
  #binFailures = 0;
  #binAttempts = 0;
  #minuteFailures = 0;
  #minuteAttempts = 0;
  #share = 0.1;
  #seen = 0;
  #operation = '';

  constructor(reporter: Reporter) {
    this.#reporter = reporter;
  }

  /** Takes attempts: those that failed and those that did not. */
  take(seen: Observation, state: AddressState): void {
    this.tick(seen.atMs);
    this.#minuteAttempts++;
    this.#binAttempts++;
    this.#seen++;
    if (!seen.isAuthFailure) return;
    this.#minuteFailures++;
    this.#binFailures++;
    this.#operation = seen.operation?.key ?? '';
    const suspect = this.#suspects.get(seen.address);
    // One address' share of the evidence is bounded: guessing from one place has a detector of its own.
    if (suspect === undefined)
      this.#suspects.set(seen.address, {
        failures: 1,
        lastMs: seen.atMs,
        program: programOf(seen.record.user_agent),
      });
    else {
      suspect.failures++;
      suspect.lastMs = seen.atMs;
      if (suspect.failures > 20 && state.good === 0) {
        this.#minuteFailures--;
        this.#binFailures--;
        this.#minuteAttempts--;
        this.#binAttempts--;
      }
    }
    if (this.#seen < WARM_ATTEMPTS) this.#judgeCold(seen.atMs);
    else if (this.#minuteFailures >= 20 && this.#minuteFailures % 10 === 0) this.#judgeBin(seen.atMs);
  }

  /** Closes what has ended at `atMs`. */
  tick(atMs: number): void {
    const minute = Math.floor(atMs / MINUTE_MS);
    if (minute === this.#minute) return;
    if (this.#minute !== -1) this.#closeMinute((this.#minute + 1) * MINUTE_MS);
    this.#minute = minute;
    const bin = Math.floor(atMs / BIN_MS);
    if (bin === this.#bin) return;
    if (this.#bin !== -1) {
      this.#judgeBin(atMs);
      this.#baseline.add(this.#binFailures, this.#bin * BIN_MS);
      // Hours without any login count as well, up to a day.
      for (let at = Math.max(this.#bin + 1, bin - 288); at < bin; at++) this.#baseline.add(0, at * BIN_MS);
    }
    this.#bin = bin;
    this.#binFailures = 0;
    this.#binAttempts = 0;
  }

  #closeMinute(atMs: number): void {
    const [failures, attempts] = [this.#minuteFailures, this.#minuteAttempts];
    this.#minuteFailures = 0;
    this.#minuteAttempts = 0;
    if (attempts === 0) return;
    if (this.#seen >= WARM_ATTEMPTS) {
      const p = this.#change.add(
        failures,
        attempts,
        Math.min(Math.max(this.#share * 1.15, 0.02), 0.6),
        DISPERSION,
      );
      if (this.#reporter.test('credential-stuffing', p, atMs)) this.#tell(p, atMs, 'ratio');
    }
    const rate = this.#seen < WARM_ATTEMPTS ? 0.02 : 0.0005;
    const taken =
      this.#seen < WARM_ATTEMPTS
        ? failures / attempts
        : Math.min(failures / attempts, this.#share * 2 + 0.05);
    this.#share += (taken - this.#share) * Math.min(rate * attempts, 0.2);
  }

  /** Before the usual share is known, what is known of logins anywhere stands in: about one in six fails, seldom most. */
  #judgeCold(atMs: number): void {
    if (this.#binFailures < 20 || this.#binFailures % 5 !== 0) return;
    const p = betaBinomialUpper(this.#binFailures, this.#binAttempts, 2, 10);
    if (this.#reporter.test('credential-stuffing', p, atMs)) this.#tell(p, atMs, 'cold start');
  }

  #judgeBin(atMs: number): void {
    if (this.#seen < WARM_ATTEMPTS) return;
    const { mean, size, isWarm } = this.#baseline.expect(this.#bin * BIN_MS);
    if (!isWarm || this.#binFailures < 3 * mean + 8) return;
    const p = negativeBinomialUpper(this.#binFailures, Math.max(mean, 0.5), Math.min(size, 8));
    if (this.#reporter.test('credential-stuffing', p, atMs)) this.#tell(p, atMs, 'count');
  }

  #tell(p: number, atMs: number, how: 'ratio' | 'count' | 'cold start'): void {
    const withinMs = how === 'ratio' ? SUSPECT_MS : RECENT_MS;
    const suspects = [...this.#suspects.entries()]
      .filter(([, { lastMs }]) => atMs - lastMs < withinMs)
      .filter(([address]) => !this.#isKnownGood(address));
    if (suspects.length < 5) return;
    const programs = new Map<string, number>();
    let failures = 0;
    for (const [, suspect] of suspects) {
      programs.set(suspect.program, (programs.get(suspect.program) ?? 0) + suspect.failures);
      failures += suspect.failures;
    }
    const [program, share] = [...programs].sort(([, a], [, b]) => b - a)[0]!;
    // Who mistyped once while others attack is among the suspects: only who looks like the attack is named.
    const hasProgram = share > failures / 2;
    const named = suspects
      .filter(([, suspect]) => (hasProgram && suspect.program === program) || suspect.failures >= MANY)
      .sort(([a, x], [b, y]) => y.failures - x.failures || (a < b ? -1 : 1))
      .slice(0, MAX_NAMED)
      .map(([address]) => address);
    this.#change.reset();
    this.#reporter.tell('credential-stuffing', {
      atMs,
      entity: { kind: 'operation', id: this.#operation === '' ? 'authentication' : this.#operation },
      p,
      reason: `${failures} logins failed from ${suspects.length} addresses that never logged in successfully${hasProgram ? `, most with ${program}` : ''}; usually ${Math.round(100 * this.#share)} % of attempts fail.`,
      evidence: {
        failures,
        addresses: suspects.length,
        program,
        programShare: Math.round((100 * share) / failures),
        usualShare: Math.round(this.#share * 1000) / 1000,
        foundBy: how,
      },
      addresses: named,
      operations: this.#operation === '' ? [] : [this.#operation],
    });
  }

  #isKnownGood: (address: string) => boolean = () => false;

  /** Who is known to log in well is no suspect. */
  set knownGood(isGood: (address: string) => boolean) {
    this.#isKnownGood = isGood;
  }

  toJSON(): LoginState {
    return {
      baseline: this.#baseline.toJSON(),
      change: this.#change.toJSON(),
      rest: [this.#share, this.#seen],
    };
  }

  restore(state: LoginState): void {
    this.#baseline = SeasonalBaseline.from(state.baseline);
    this.#change = RatioChange.from(state.change);
    [this.#share = 0.1, this.#seen = 0] = state.rest;
  }
}

export interface LoginState {
  readonly baseline: SeasonalState;
  readonly change: readonly number[];
  readonly rest: readonly number[];
}
