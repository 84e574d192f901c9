// Objects of others (BOLA): an id in the path, the query or the body must be among those that the caller's token names.
// Every refusal is the same, whether or not the object exists, and whoever tries many ids is told apart. HOT
import { createHash } from 'node:crypto';
import type { Clock } from '../../core/index.ts';
import { type Exchange, Refusal } from '../../exchange/index.ts';
import { type LimitParameters, LimitResult, type LimitTable } from '../../limits/index.ts';
import type { AuthorizeParameter, OwnershipRule } from './contract.ts';
import { valuesAt } from './json-pointer.ts';
import { compileParameterReader } from './parameters.ts';
import { claimAt, type Principals, roleKey } from './principal.ts';
import type { Relation } from './relations.ts';
import { type Judgement, NO_BODY, type Rule } from './rule.ts';

/** Refusals that many callers of one address may get, for each that one may: who has many accounts tries with all of them. */
const ADDRESS_FACTOR = 5;

/** Counts refusals of a caller, and of an address, over all threads; tells when there are too many. */
export class EnumerationWatch {
  readonly #table: LimitTable;
  readonly #clock: Clock;
  readonly #ofCaller: LimitParameters;
  readonly #ofAddress: LimitParameters;
  readonly #result = new LimitResult();

  constructor(
    api: string,
    rate: { readonly count: number; readonly periodMs: number },
    table: LimitTable,
    clock: Clock,
  ) {
    this.#table = table;
    this.#clock = clock;
    this.#ofCaller = limitFor(api, 'enumeration', rate.count, rate.periodMs);
    this.#ofAddress = limitFor(api, 'enumeration by address', rate.count * ADDRESS_FACTOR, rate.periodMs);
  }

  /** Counts a refusal; the answer to give. */
  refuse(exchange: Exchange): Refusal {
    const { consumer, clientAddress } = exchange;
    const callerMs = consumer === null ? 0 : this.#take(this.#ofCaller, `c${consumer.id}`);
    const addressMs = this.#take(this.#ofAddress, clientAddress);
    const waitMs = Math.max(callerMs, addressMs);
    if (waitMs === 0) return notOwn;
    const seconds = String(Math.max(1, Math.ceil(waitMs / 1000)));
    return new Refusal('enumeration-suspected', 'authorize', 'enumeration', '', ['retry-after', seconds]);
  }

  /** Until the next one, ms; 0 where there are not too many. */
  #take(limit: LimitParameters, key: string): number {
    this.#table.take(limit, key, this.#clock.monotonicMs(), this.#result);
    return this.#result.allowed ? 0 : Math.max(1, this.#result.retryAfterMs);
  }
}

function limitFor(api: string, what: string, count: number, periodMs: number): LimitParameters {
  const intervalMs = periodMs / count;
  const name = `${api}\n${what}\n${intervalMs}\n${count}`;
  return {
    id: createHash('sha256').update(name).digest().readUIntBE(0, 6),
    intervalMs,
    toleranceMs: (count - 1) * intervalMs,
    burst: count,
  };
}

const notOwn = new Refusal('object-denied', 'authorize', 'not-own');
const notKnown = new Refusal('owner-unavailable', 'authorize', 'relation');

/** Objects of one request whose owners are asked for; more are refused. */
const MAX_OBJECTS = 20;

export interface OwnershipContext {
  readonly principals: Principals;
  readonly watch: EnumerationWatch;
  readonly relations: ReadonlyMap<string, Relation>;
}

export function compileOwnership(
  rule: OwnershipRule,
  parameter: AuthorizeParameter | null,
  paramNames: readonly string[],
  { principals, watch, relations }: OwnershipContext,
): Rule {
  const { object, claim } = rule;
  const relation = rule.relation === null ? null : relations.get(rule.relation);
  if (relation === undefined) throw new RangeError(`there is no relation ${rule.relation}`);
  const roles = rule.unlessRoles.map(roleKey);
  const reader = parameter === null ? null : compileParameterReader(parameter, paramNames);
  if (object.kind === 'parameter' && reader === null)
    throw new RangeError(`there is no parameter ${object.name}`);
  const named = (exchange: Exchange, body: unknown): readonly unknown[] | null => {
    if (reader !== null) return reader.texts(exchange);
    return body === NO_BODY || object.kind !== 'field' ? [] : valuesAt(body, object.pointer);
  };

  const judge = (exchange: Exchange, body: unknown): Judgement => {
    const ids = named(exchange, body);
    // No id: nothing of anybody's is named. Whether it had to be is for the contract to say.
    if (ids !== null && ids.length === 0) return null;
    const { consumer } = exchange;
    if (consumer === null) return watch.refuse(exchange);
    if (roles.length > 0) {
      const ancestors = principals.of(consumer).data!.ancestors;
      for (let i = 0; i < roles.length; i++) if (ancestors.has(roles[i]!)) return null;
    }
    if (ids === null) return watch.refuse(exchange);
    const own = claimAt(consumer.claims, claim);
    if (relation !== null) return judgeOwners(exchange, ids, own, relation, 0);
    for (let i = 0; i < ids.length; i++) if (!isOwn(ids[i], own)) return watch.refuse(exchange);
    return null;
  };
  /** Objects from `from` on; waits only for those whose owners are not known. */
  const judgeOwners = (
    exchange: Exchange,
    ids: readonly unknown[],
    own: unknown,
    owned: Relation,
    from: number,
  ): Judgement => {
    if (ids.length > MAX_OBJECTS) return watch.refuse(exchange);
    for (let i = from; i < ids.length; i++) {
      const id = ids[i];
      if (typeof id !== 'string' && typeof id !== 'number') return watch.refuse(exchange);
      const owners = owned.known(String(id), exchange.receivedMs);
      if (owners === null) {
        return owned.ask(String(id), exchange.receivedMs).then((answer) => {
          if (answer.kind === 'unavailable') return notKnown;
          if (!answer.owners.some((owner) => isOwn(owner, own))) return watch.refuse(exchange);
          return judgeOwners(exchange, ids, own, owned, i + 1);
        });
      }
      if (!owners.some((owner) => isOwn(owner, own))) return watch.refuse(exchange);
    }
    return null;
  };
  const what = object.kind === 'field' ? `/${object.pointer.join('/')} of the body` : object.name;
  const unless = rule.unlessRoles.length === 0 ? '' : `, unless role ${rule.unlessRoles.join(' or ')}`;
  return {
    kind: 'own',
    text:
      rule.relation === null
        ? `${what} is in the claim ${claim.join('.')}${unless}`
        : `${what} belongs to ${claim.join('.')} by ${rule.relation}${unless}`,
    needsBody: object.kind === 'field',
    judge,
  };
}

function isOwn(id: unknown, own: unknown): boolean {
  if (typeof id !== 'string' && typeof id !== 'number') return false;
  const text = String(id);
  if (!Array.isArray(own)) return isSameId(text, own);
  for (let i = 0; i < own.length; i++) if (isSameId(text, own[i])) return true;
  return false;
}

const isSameId = (id: string, own: unknown): boolean =>
  typeof own === 'string' ? own === id : Number.isSafeInteger(own) && String(own) === id;
