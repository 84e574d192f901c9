// Guessing credentials: what was wrong is counted by the address and network it came from, by the account it was for and by the
// beginning of the secret's hash, so that one password tried at many accounts from many addresses is seen. Beyond a budget nobody
// looks at credentials any more. Whoever has got into an account from where he is keeps his way into it: failing at it on purpose
// locks nobody out.
import { createHash, createHmac } from 'node:crypto';
import type { Clock } from '../../core/index.ts';
import { type Decision, type Exchange, type Guard, noHooks, Refusal } from '../../exchange/index.ts';
import { type LimitParameters, LimitResult, type LimitTable } from '../../limits/index.ts';
import { networkOf, siteOf } from '../../net/index.ts';
import type { LimitAmount } from '../limit/contract.ts';
import type { GuessBudgets, GuessConfig } from './contract.ts';

/** How long a way into an account is remembered, ms. */
const KNOWN_MS = 30 * 86_400_000;
/** Refusals of one thread that are held back at once; more are told at once. */
const MAX_HELD = 1000;
/** Beginning of a hash that secrets are told apart by: so short that it gives none away. */
const SECRET_BITS = 16;

export interface GuessContext {
  readonly table: LimitTable;
  readonly clock: Clock;
  /** New with every start and the same for all threads: which secrets begin alike can not be worked out beforehand. */
  readonly pepper: Uint8Array;
}

const limitOf = (name: string, { count, periodMs, burst }: LimitAmount): LimitParameters => {
  const intervalMs = periodMs / count;
  return {
    id: createHash('sha256').update(`guess\n${name}\n${intervalMs}\n${burst}`).digest().readUIntBE(0, 6),
    intervalMs,
    toleranceMs: (burst - 1) * intervalMs,
    burst,
  };
};

const result = new LimitResult();

/** Budgets of one kind of login. */
class Budgets {
  readonly #table: LimitTable;
  readonly #clock: Clock;
  readonly #address: LimitParameters;
  readonly #network: LimitParameters;
  readonly #tarpitMs: number;
  #held = 0;

  constructor(name: string, config: GuessBudgets, { table, clock }: GuessContext) {
    this.#table = table;
    this.#clock = clock;
    this.#address = limitOf(`${name}\naddress`, config.perAddress);
    this.#network = limitOf(`${name}\nnetwork`, config.perNetwork);
    this.#tarpitMs = config.tarpitMs;
  }

  /** Milliseconds until the next guess may be made; 0: now. */
  waitMs(limit: LimitParameters, key: string): number {
    this.#table.take(limit, key, this.#clock.monotonicMs(), result, 0);
    return result.allowed ? 0 : result.retryAfterMs;
  }

  charge(limit: LimitParameters, key: string): void {
    this.#table.charge(limit, key, this.#clock.monotonicMs(), 1);
  }

  sourceWaitMs({ clientAddress }: Exchange): number {
    const byAddress = this.waitMs(this.#address, siteOf(clientAddress));
    return byAddress > 0 ? byAddress : this.waitMs(this.#network, networkOf(clientAddress));
  }

  chargeSource({ clientAddress }: Exchange): void {
    this.charge(this.#address, siteOf(clientAddress));
    this.charge(this.#network, networkOf(clientAddress));
  }

  /** The refusal, held back for a while where there is room: who guesses in one connection after another waits too. */
  refuse(reason: string, waitMs: number): Decision | Promise<Decision> {
    const seconds = String(Math.max(1, Math.ceil(waitMs / 1000)));
    const refusal = new Refusal('too-many-failures', 'authenticate', reason, '', ['retry-after', seconds]);
    if (this.#tarpitMs === 0 || this.#held >= MAX_HELD) return refusal;
    this.#held++;
    return new Promise((resolve) => {
      setTimeout(() => {
        this.#held--;
        resolve(refusal);
      }, this.#tarpitMs);
    });
  }
}

/** Guard in front of authentication by the gate; null without budgets. */
export function compileGateGuesses(config: GuessBudgets | null, context: GuessContext): Guard | null {
  if (config === null) return null;
  const budgets = new Budgets('gate', config, context);
  return {
    ...noHooks,
    name: 'authenticate',
    onRequest: (exchange) => {
      const waitMs = budgets.sourceWaitMs(exchange);
      return waitMs === 0 ? null : budgets.refuse('guesses', waitMs);
    },
    onEnd: (exchange) => {
      if (exchange.refusal?.guard === 'authenticate' && exchange.refusal.code === 'credentials-invalid')
        budgets.chargeSource(exchange);
    },
  };
}

interface Attempt {
  readonly account: string;
  readonly secret: string;
}

/** Guard of an operation at which people log in to the service; null where it is none. */
export function compileLoginGuesses(
  name: string,
  config: GuessConfig | null,
  context: GuessContext,
): Guard | null {
  if (config === null) return null;
  const budgets = new Budgets(name, config, context);
  const ofAccount = limitOf(`${name}\naccount`, config.perAccount);
  const ofSecret = limitOf(`${name}\nsecret`, config.perSecret);
  const known = limitOf(`${name}\nknown`, { count: 1, periodMs: KNOWN_MS, burst: 1 });
  const statuses = new Set(config.statuses);
  const attempts = new WeakMap<Exchange, Attempt>();
  return {
    ...noHooks,
    name: 'authenticate',
    onRequest: (exchange) => {
      const waitMs = budgets.sourceWaitMs(exchange);
      return waitMs === 0 ? null : budgets.refuse('guesses-of-address', waitMs);
    },
    onBody: (exchange, body) => {
      const attempt = attemptOf(exchange, body, config, context.pepper);
      attempts.set(exchange, attempt);
      const isKnown = attempt.account !== '' && budgets.waitMs(known, wayOf(attempt.account, exchange)) > 0;
      if (isKnown) return null;
      const byAccount = attempt.account === '' ? 0 : budgets.waitMs(ofAccount, attempt.account);
      if (byAccount > 0) return budgets.refuse('guesses-at-account', byAccount);
      const bySecret = attempt.secret === '' ? 0 : budgets.waitMs(ofSecret, attempt.secret);
      return bySecret > 0 ? budgets.refuse('guesses-with-secret', bySecret) : null;
    },
    onEnd: (exchange) => {
      const attempt = attempts.get(exchange);
      // What the gate refused has not been tried at the service.
      if (attempt === undefined || exchange.refusal !== null) return;
      if (statuses.has(exchange.status)) {
        budgets.chargeSource(exchange);
        if (attempt.account !== '') budgets.charge(ofAccount, attempt.account);
        if (attempt.secret !== '') budgets.charge(ofSecret, attempt.secret);
      } else if (attempt.account !== '' && exchange.status >= 200 && exchange.status < 400) {
        const way = wayOf(attempt.account, exchange);
        if (budgets.waitMs(known, way) === 0) budgets.charge(known, way);
      }
    },
  };
}

const wayOf = (account: string, { clientAddress }: Exchange): string =>
  `${account}\n${siteOf(clientAddress)}`;

function attemptOf(
  { fields }: Exchange,
  body: Uint8Array,
  { account, secret }: GuessConfig,
  pepper: Uint8Array,
): Attempt {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString();
  const isForm = /^application\/x-www-form-urlencoded\b/i.test(fields.get('content-type') ?? '');
  const value = isForm ? Object.fromEntries(new URLSearchParams(text)) : parsed(text);
  const name = textAt(value, account).normalize('NFKC').toLowerCase();
  const word = textAt(value, secret);
  const prefix = createHmac('sha256', pepper)
    .update(word)
    .digest('hex')
    .slice(0, SECRET_BITS / 4);
  return {
    account: name === '' ? '' : createHash('sha256').update(name).digest('base64url'),
    secret: word === '' ? '' : prefix,
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function textAt(value: unknown, path: readonly string[]): string {
  let found = value;
  for (const name of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return '';
    found = (found as Readonly<Record<string, unknown>>)[name];
  }
  return path.length > 0 && typeof found === 'string' ? found : '';
}
