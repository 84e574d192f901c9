// Limits of one operation. Every limit must allow a request; what an earlier one took is given back when a later one refuses, so
// that a refused request costs nothing. Where all limits are rates of this node the guard answers at once and without allocating;
// shared limits answer at once too, but for a caller that the node knows nothing of. HOT
import { createHash } from 'node:crypto';
import type { Clock } from '../../core/index.ts';
import { type Decision, type Exchange, type Guard, noHooks, Refusal } from '../../exchange/index.ts';
import {
  Calendar,
  type ConcurrencyTable,
  creditOf,
  type LeaseDesk,
  type LimitParameters,
  LimitResult,
  type LimitTable,
  Verdict,
} from '../../limits/index.ts';
import type { LimitAmount, LimitConfig } from './contract.ts';
import { Concurrency, type Counter, LeasedCounter, LocalBytes, LocalRate, told } from './counter.ts';
import { refuseOver, setLimitFields } from './limit-answer.ts';
import { compileKey, type KeyOf } from './limit-key.ts';
import type { Membership } from './membership.ts';

/** Where limits count. */
export interface LimitContext {
  readonly table: LimitTable;
  /** Limits over nodes, and quotas. */
  readonly desk: LeaseDesk;
  readonly concurrency: ConcurrencyTable;
  readonly clock: Clock;
  readonly membership: Membership;
  /** Whether there are other nodes, and what happens while they can not be reached. */
  readonly nodes: 'alone' | 'share' | 'refuse';
  /** Between 0 and 1. */
  readonly random: () => number;
}

interface Row {
  readonly config: LimitConfig;
  readonly keyOf: KeyOf;
  readonly policy: string;
  readonly counter: Counter;
  /** Null where plans make no difference. */
  readonly byPlan: ReadonlyMap<string, { readonly counter: Counter; readonly policy: string }> | null;
}

/** Requests of one thread that may wait for their turn; more are refused. */
const MAX_QUEUED = 2000;
const callerKinds = /^(?:consumer|tenant|key|claim:.*)$/;

/** Whether the limit has to know who calls. */
export const countsCallers = ({ per, plans }: LimitConfig): boolean =>
  callerKinds.test(per) || plans.length > 0;

/**
 * Id of the limit with this full name: the same on every thread and node and after every reload, whatever else the configuration
 * holds, so that counters are shared and go on. Rate and burst are part of the name: a cell holds a time that means nothing to a
 * limit with another rate. 48 bits: of 100,000 limits no two are likely to meet.
 */
const limitId = (fullName: string): number => createHash('sha256').update(fullName).digest().readUIntBE(0, 6);

/** Guard for `limits`; null when there are none. `cost`: what a request counts for. */
export function compileLimit(
  limits: readonly LimitConfig[],
  names: { readonly api: string; readonly operation: string },
  cost: number,
  context: LimitContext,
): Guard | null {
  if (limits.length === 0) return null;
  const isPlain = limits.every(
    ({ kind, unit, plans, queueMs, isShared }) =>
      kind === 'rate' &&
      unit === 'requests' &&
      plans.length === 0 &&
      queueMs === 0 &&
      (!isShared || context.nodes === 'alone'),
  );
  if (isPlain) return plainGuard(limits, names, cost, context);
  return new CountedGuard(
    limits.map((limit) => compileRow(limit, names, context)),
    cost,
    context,
  ).guard;
}

function plainGuard(
  limits: readonly LimitConfig[],
  names: { readonly api: string; readonly operation: string },
  cost: number,
  { table, clock, membership, random }: LimitContext,
): Guard {
  const rows = limits.map((limit) => ({
    name: limit.name,
    parameters: parametersOf(limit, limit.amount, names),
    keyOf: compileKey(limit.per, membership),
  }));
  const policyField = limits.map((limit) => policyOf(limit, limit.amount)).join(', ');
  const result = new LimitResult();
  const keys: string[] = rows.map(() => '');
  const onRequest = (exchange: Exchange): Decision => {
    const nowMs = clock.monotonicMs();
    let tightest = -1;
    let remaining = Number.POSITIVE_INFINITY;
    let resetMs = 0;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      const key = row.keyOf(exchange);
      keys[i] = key;
      table.take(row.parameters, key, nowMs, result, cost);
      if (!result.allowed) {
        for (let j = 0; j < i; j++) table.giveBack(rows[j]!.parameters, keys[j]!, nowMs, cost);
        return refuseOver(exchange, policyField, row.name, result.resetMs, result.retryAfterMs, random);
      }
      if (result.remaining < remaining) {
        tightest = i;
        remaining = result.remaining;
        resetMs = result.resetMs;
      }
    }
    setLimitFields(exchange, policyField, rows[tightest]!.name, remaining, resetMs);
    return null;
  };
  return { ...noHooks, name: 'limit', onRequest };
}

/** What one try over all counters came to. */
interface Attempt {
  /** Null lets the request pass, after `delayMs`. */
  readonly refusal: Refusal | null;
  /** Ids of what has to be waited for; empty for nothing. */
  readonly waitsFor: readonly string[];
  readonly delayMs: number;
  /** The delay is until the next try, not until the request may pass. */
  readonly retries: boolean;
}

const noFields: readonly string[] = [];
const passes: Attempt = { refusal: null, waitsFor: [], delayMs: 0, retries: false };

/** The guard for counters of all kinds. */
class CountedGuard {
  readonly guard: Guard;
  readonly #rows: readonly Row[];
  readonly #cost: number;
  readonly #context: LimitContext;
  readonly #policy: string;
  readonly #hasPlans: boolean;
  readonly #queueMs: number;
  #queued = 0;

  constructor(rows: readonly Row[], cost: number, context: LimitContext) {
    this.#rows = rows;
    this.#cost = cost;
    this.#context = context;
    this.#policy = rows.map(({ policy }) => policy).join(', ');
    this.#hasPlans = rows.some(({ byPlan }) => byPlan !== null);
    this.#queueMs = Math.max(...rows.map(({ config }) => config.queueMs));
    const holds = rows.some(({ config }) => config.unit === 'bytes' || config.kind === 'concurrent');
    this.guard = {
      ...noHooks,
      name: 'limit',
      onRequest: (exchange) => this.#judge(exchange),
      onEnd: holds ? release : null,
    };
  }

  #judge(exchange: Exchange): Decision | Promise<Decision> {
    const { desk, clock, membership } = this.#context;
    const plan = this.#hasPlans ? membership.planOf(exchange.consumer) : '';
    const keys = this.#rows.map((row) => row.keyOf(exchange));
    const counters = this.#rows.map((row) => row.byPlan?.get(plan)?.counter ?? row.counter);
    const policy = this.#hasPlans
      ? this.#rows.map((row) => row.byPlan?.get(plan)?.policy ?? row.policy).join(', ')
      : this.#policy;
    const startMs = clock.monotonicMs();
    // A try that is repeated says its fields anew.
    const fields = this.#queueMs === 0 ? noFields : [...exchange.answerFields];
    const attempt = this.#take(exchange, keys, counters, policy, startMs, !desk.isFull);
    if (attempt === passes) return null;
    if (attempt.waitsFor.length === 0 && attempt.delayMs === 0) return attempt.refusal;
    return this.#wait(exchange, { keys, counters, policy, fields, startMs }, attempt);
  }

  #take(
    exchange: Exchange,
    keys: readonly string[],
    counters: readonly Counter[],
    policy: string,
    nowMs: number,
    mayWait: boolean,
  ): Attempt {
    const { random } = this.#context;
    const rows = this.#rows;
    const held = exchange.held?.length ?? 0;
    let waitsFor: string[] | null = null;
    let refusal: Refusal | null = null;
    let delayMs = 0;
    let retries = false;
    let taken = 0;
    let tightest = 0;
    let remaining = Number.POSITIVE_INFINITY;
    let resetMs = 0;
    for (let i = 0; i < counters.length && refusal === null; i++) {
      const verdict = counters[i]!.take(keys[i]!, nowMs, this.#cost, mayWait);
      if (verdict === Verdict.allowed) {
        taken |= 1 << i;
        if (told.held !== null) {
          exchange.held ??= [];
          exchange.held.push(told.held);
        }
        delayMs = Math.max(delayMs, told.delayMs);
        if (told.remaining >= remaining) continue;
        tightest = i;
        remaining = told.remaining;
        resetMs = told.resetMs;
      } else if (verdict === Verdict.wait) {
        // The others are asked for as well, so that the request waits once.
        waitsFor ??= [];
        waitsFor.push(counters[i]!.waitId(keys[i]!));
      } else if (verdict === Verdict.refused) {
        const { config } = rows[i]!;
        const { resetMs: untilMs, retryAfterMs } = told;
        retries = told.delayMs > 0;
        delayMs = retries ? told.delayMs : 0;
        refusal = refuseOver(exchange, policy, config.name, untilMs, retryAfterMs, random, codeOf(config));
      } else
        refusal = new Refusal('limits-unavailable', 'limit', rows[i]!.config.name, '', ['retry-after', '1']);
    }
    if (refusal === null && waitsFor === null) {
      setLimitFields(exchange, policy, rows[tightest]!.config.name, remaining, resetMs);
      return delayMs === 0 ? passes : { refusal: null, waitsFor: [], delayMs, retries: false };
    }
    for (let i = 0; i < counters.length; i++)
      if ((taken & (1 << i)) !== 0) counters[i]!.giveBack(keys[i]!, nowMs, this.#cost);
    if (exchange.held !== null) exchange.held.length = held;
    return { refusal, waitsFor: refusal === null ? waitsFor! : [], delayMs, retries };
  }

  async #wait(
    exchange: Exchange,
    request: {
      readonly keys: readonly string[];
      readonly counters: readonly Counter[];
      readonly policy: string;
      readonly fields: readonly string[];
      readonly startMs: number;
    },
    first: Attempt,
  ): Promise<Decision> {
    const { desk, clock, random } = this.#context;
    const { keys, counters, policy, fields, startMs } = request;
    let attempt = first;
    for (;;) {
      if (attempt.waitsFor.length > 0) {
        const leftMs = startMs + desk.waitMs - clock.monotonicMs();
        if (leftMs > 0) await desk.wait(attempt.waitsFor, leftMs);
      } else if (attempt.delayMs > 0) {
        const { delayMs, retries, refusal } = attempt;
        const isLate = retries && clock.monotonicMs() + delayMs > startMs + this.#queueMs;
        if (isLate || !(await this.#queue(delayMs))) {
          if (refusal !== null) return refusal;
          for (let i = 0; i < counters.length; i++)
            counters[i]!.giveBack(keys[i]!, clock.monotonicMs(), this.#cost);
          return refuseOver(exchange, policy, this.#rows[0]!.config.name, 0, delayMs, random);
        }
        if (!retries) return null;
        exchange.answerFields.splice(0, exchange.answerFields.length, ...fields);
      } else return attempt.refusal;
      const nowMs = clock.monotonicMs();
      attempt = this.#take(exchange, keys, counters, policy, nowMs, nowMs < startMs + desk.waitMs);
      if (attempt === passes) return null;
    }
  }

  /** Waits for the request's turn; false when too many wait already. */
  async #queue(delayMs: number): Promise<boolean> {
    if (this.#queued >= MAX_QUEUED) return false;
    this.#queued++;
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    this.#queued--;
    return true;
  }
}

const codeOf = ({ kind }: LimitConfig): 'rate-limited' | 'quota-exhausted' | 'too-many-at-once' =>
  kind === 'rate' ? 'rate-limited' : kind === 'quota' ? 'quota-exhausted' : 'too-many-at-once';

/** Gives up what the exchange held, once. */
function release(exchange: Exchange): void {
  const { held } = exchange;
  if (held === null) return;
  exchange.held = null;
  for (const one of held) one(exchange);
}

type Names = { readonly api: string; readonly operation: string };

function compileRow(config: LimitConfig, names: Names, context: LimitContext): Row {
  const compiled = (amount: LimitAmount) => ({
    counter: compileCounter(config, amount, names, context),
    policy: policyOf(config, amount),
  });
  return {
    config,
    keyOf: compileKey(config.per, context.membership),
    ...compiled(config.amount),
    byPlan:
      config.plans.length === 0
        ? null
        : new Map(config.plans.map(({ plan, amount }) => [plan, compiled(amount)])),
  };
}

function compileCounter(
  config: LimitConfig,
  amount: LimitAmount,
  names: Names,
  context: LimitContext,
): Counter {
  const { kind, unit, queueMs, calendar } = config;
  const { table, desk, clock, concurrency, nodes } = context;
  const parameters = parametersOf(config, amount, names);
  if (kind === 'concurrent') return new Concurrency(parameters.id, amount.count, concurrency);
  if (kind === 'rate' && (!config.isShared || nodes === 'alone'))
    return unit === 'bytes'
      ? new LocalBytes(parameters, table, clock)
      : new LocalRate(parameters, table, queueMs);
  return new LeasedCounter(
    {
      ...parameters,
      kind,
      credit: creditOf(kind, parameters.intervalMs, amount.count),
      alone: nodes !== 'refuse',
      carry: calendar === null ? 0 : Math.floor(calendar.carry * amount.count),
    },
    {
      desk,
      clock,
      calendar: calendar === null ? null : new Calendar(calendar.period, calendar.zone),
      isBytes: unit === 'bytes',
      queueMs,
    },
  );
}

/** A quota's count is no part of its id: who changes the plan keeps what was used. */
function parametersOf(
  config: LimitConfig,
  { count, periodMs, burst }: LimitAmount,
  names: Names,
): LimitParameters {
  const where = config.scope === 'api' ? names.api : `${names.api}\n${names.operation}`;
  const what = `${where}\n${config.name}\n${config.per}`;
  if (config.kind === 'concurrent')
    return { id: limitId(`${what}\nconcurrent`), intervalMs: 1, toleranceMs: 0, burst: count };
  if (config.calendar !== null) {
    const { period, zone } = config.calendar;
    const id = limitId(`${what}\nquota\n${period}\n${zone}\n${config.unit}`);
    return { id, intervalMs: 1, toleranceMs: 0, burst: count };
  }
  const intervalMs = periodMs / count;
  return {
    id: limitId(`${what}\n${intervalMs}\n${burst}`),
    intervalMs,
    toleranceMs: (burst - 1) * intervalMs,
    burst,
  };
}

const periodSeconds = { hour: 3600, day: 86_400, week: 604_800, month: 2_592_000 } as const;

/** An item of RateLimit-Policy. A month is told as thirty days: the field has no calendar. */
function policyOf({ name, kind, unit, calendar }: LimitConfig, { count, periodMs }: LimitAmount): string {
  if (kind === 'concurrent') return `"${name}";q=${count};qu="concurrent-requests"`;
  const seconds =
    calendar === null ? Math.max(1, Math.round(periodMs / 1000)) : periodSeconds[calendar.period];
  return `"${name}";q=${count}${unit === 'bytes' ? ';qu="content-bytes"' : ''};w=${seconds}`;
}
