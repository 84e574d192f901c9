// Rate limits of one operation. Every limit must allow a request; what an earlier one took is given back when a later one
// refuses, so that a refused request costs nothing. Where all limits are rates of this node the guard answers at once and without
// allocating; shared limits answer at once too, but for a caller that the node knows nothing of. HOT
import { createHash } from 'node:crypto';
import type { Clock } from '../../core/index.ts';
import { type Decision, type Exchange, type Guard, noHooks, Refusal } from '../../exchange/index.ts';
import {
  creditOf,
  type LeaseDesk,
  type LeaseLimit,
  type LimitParameters,
  LimitResult,
  type LimitTable,
  Verdict,
} from '../../limits/index.ts';
import type { LimitConfig } from './contract.ts';
import { type Counter, LocalRate, SharedRate, told } from './counter.ts';
import { refuseOver, setLimitFields } from './limit-answer.ts';
import { limitKey } from './limit-key.ts';

/** Where limits count. */
export interface LimitContext {
  readonly table: LimitTable;
  /** Limits over nodes. */
  readonly desk: LeaseDesk;
  readonly clock: Clock;
  /** Whether there are other nodes, and what happens while they can not be reached. */
  readonly nodes: 'alone' | 'share' | 'refuse';
}

interface Row {
  readonly parameters: LimitParameters;
  readonly per: LimitConfig['per'];
  readonly name: string;
  readonly policy: string;
  readonly isShared: boolean;
}

/**
 * Id of the limit with this full name: the same on every thread and node and after every reload, whatever else the configuration
 * holds, so that counters are shared and go on. Rate and burst are part of the name: a cell holds a time that means nothing to a
 * limit with another rate. 48 bits: of 100,000 limits no two are likely to meet.
 */
const limitId = (fullName: string): number => createHash('sha256').update(fullName).digest().readUIntBE(0, 6);

/** Guard for `limits`; null when there are none. */
export function compileLimit(
  limits: readonly LimitConfig[],
  names: { readonly api: string; readonly operation: string },
  context: LimitContext,
): Guard | null {
  if (limits.length === 0) return null;
  const rows = limits.map((limit): Row => compileRow(limit, names));
  const policyField = rows.map((row) => row.policy).join(', ');
  const isPlain = rows.every(({ isShared }) => !isShared || context.nodes === 'alone');
  return isPlain
    ? plainGuard(rows, policyField, context)
    : new CountedGuard(rows, policyField, context).guard;
}

function plainGuard(rows: readonly Row[], policyField: string, { table, clock }: LimitContext): Guard {
  const result = new LimitResult();
  const keys: string[] = rows.map(() => '');
  const onRequest = (exchange: Exchange): Decision => {
    const nowMs = clock.monotonicMs();
    let tightest = -1;
    let remaining = Number.POSITIVE_INFINITY;
    let resetMs = 0;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      const key = limitKey(row.per, exchange);
      keys[i] = key;
      table.take(row.parameters, key, nowMs, result);
      if (!result.allowed) {
        for (let j = 0; j < i; j++) table.giveBack(rows[j]!.parameters, keys[j]!, nowMs);
        return refuseOver(exchange, policyField, row.name, result.resetMs, result.retryAfterMs);
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

/** The guard for counters of all kinds. */
class CountedGuard {
  readonly guard: Guard;
  readonly #rows: readonly Row[];
  readonly #counters: readonly Counter[];
  readonly #policy: string;
  readonly #context: LimitContext;

  constructor(rows: readonly Row[], policy: string, context: LimitContext) {
    this.#rows = rows;
    this.#policy = policy;
    this.#context = context;
    this.#counters = rows.map((row) => compileCounter(row, context));
    this.guard = { ...noHooks, name: 'limit', onRequest: (exchange) => this.#judge(exchange) };
  }

  #judge(exchange: Exchange): Decision | Promise<Decision> {
    const keys = this.#rows.map((row) => limitKey(row.per, exchange));
    const { desk, clock } = this.#context;
    const startMs = clock.monotonicMs();
    const decision = this.#take(exchange, keys, startMs, !desk.isFull);
    return Array.isArray(decision) ? this.#wait(exchange, keys, startMs, decision) : decision;
  }

  /** One try over all counters: a decision, or what has to be waited for. */
  #take(exchange: Exchange, keys: readonly string[], nowMs: number, mayWait: boolean): Decision | string[] {
    const counters = this.#counters;
    let waitsFor: string[] | null = null;
    let refusal: Refusal | null = null;
    let taken = 0;
    let tightest = 0;
    let remaining = Number.POSITIVE_INFINITY;
    let resetMs = 0;
    for (let i = 0; i < counters.length && refusal === null; i++) {
      const verdict = counters[i]!.take(keys[i]!, nowMs, mayWait);
      if (verdict === Verdict.allowed) {
        taken |= 1 << i;
        if (told.remaining >= remaining) continue;
        tightest = i;
        remaining = told.remaining;
        resetMs = told.resetMs;
      } else if (verdict === Verdict.wait) {
        // The others are asked for as well, so that the request waits once.
        waitsFor ??= [];
        waitsFor.push(counters[i]!.waitId(keys[i]!));
      } else if (verdict === Verdict.refused)
        refusal = refuseOver(exchange, this.#policy, this.#rows[i]!.name, told.resetMs, told.retryAfterMs);
      else
        refusal = new Refusal('limits-unavailable', 'limit', this.#rows[i]!.name, '', ['retry-after', '1']);
    }
    if (refusal === null && waitsFor === null) {
      setLimitFields(exchange, this.#policy, this.#rows[tightest]!.name, remaining, resetMs);
      return null;
    }
    for (let i = 0; i < counters.length; i++)
      if ((taken & (1 << i)) !== 0) counters[i]!.giveBack(keys[i]!, nowMs);
    return refusal ?? waitsFor!;
  }

  async #wait(
    exchange: Exchange,
    keys: readonly string[],
    startMs: number,
    firstIds: readonly string[],
  ): Promise<Decision> {
    const { desk, clock } = this.#context;
    let ids = firstIds;
    for (;;) {
      const leftMs = startMs + desk.waitMs - clock.monotonicMs();
      if (leftMs > 0) await desk.wait(ids, leftMs);
      const nowMs = clock.monotonicMs();
      const decision = this.#take(exchange, keys, nowMs, nowMs < startMs + desk.waitMs);
      if (!Array.isArray(decision)) return decision;
      ids = decision;
    }
  }
}

function compileCounter(row: Row, { table, desk, nodes }: LimitContext): Counter {
  const { parameters } = row;
  if (!row.isShared || nodes === 'alone') return new LocalRate(parameters, table);
  const limit: LeaseLimit = {
    ...parameters,
    kind: 'rate',
    credit: creditOf('rate', parameters.intervalMs, parameters.burst),
    alone: nodes === 'share',
    carry: 0,
  };
  return new SharedRate(limit, desk);
}

function compileRow(limit: LimitConfig, names: { readonly api: string; readonly operation: string }): Row {
  const intervalMs = limit.periodMs / limit.count;
  const where = limit.scope === 'api' ? names.api : `${names.api}\n${names.operation}`;
  return {
    parameters: {
      id: limitId(`${where}\n${limit.name}\n${limit.per}\n${intervalMs}\n${limit.burst}`),
      intervalMs,
      toleranceMs: (limit.burst - 1) * intervalMs,
      burst: limit.burst,
    },
    per: limit.per,
    name: limit.name,
    policy: `"${limit.name}";q=${limit.count};w=${Math.max(1, Math.round(limit.periodMs / 1000))}`,
    isShared: limit.isShared,
  };
}
