// Who called what, and when last, from recorded traffic: what access reviews and the search for unused rights stand on.
import type { GateConfig } from '../../config/load.ts';
import type { Consumer } from '../../exchange/index.ts';
import { Principals, type ReviewSubject, roleKey } from '../../guards/authorize/index.ts';
import { EntityRef, emptyRecord } from '../../policy/index.ts';
import type { ExchangeRecord } from '../../telemetry/index.ts';
import { type Known, recordedLines, type Window } from './recorded.ts';

export interface Use {
  /** Requests that were let through. */
  calls: number;
  /** Requests that authorization refused. */
  refused: number;
  /** The last one that was let through, RFC 3339; empty for none. */
  last: string;
}

export interface Caller {
  readonly id: string;
  readonly method: Consumer['method'];
  /** By API and operation, as `useKey` says. */
  readonly uses: ReadonlyMap<string, Use>;
}

export interface Usage {
  /** By id. */
  readonly callers: ReadonlyMap<string, Caller>;
  readonly requests: number;
  /** Times of the first and last line; empty without any. */
  readonly from: string;
  readonly until: string;
}

export const useKey = (api: string, operation: string): string => `${api}\n${operation}`;

export async function readUsage(log: string | undefined, config: GateConfig, window: Window): Promise<Usage> {
  const callers = new Map<string, Caller & { readonly uses: Map<string, Use> }>();
  let requests = 0;
  let [from, until] = ['', ''];
  for await (const line of recordedLines(log, config, window)) {
    if (line === null) continue;
    requests++;
    if (from === '' || line.time < from) from = line.time;
    if (line.time > until) until = line.time;
    const { consumer, api, operation } = line;
    if (consumer === undefined || api === undefined || operation === undefined) continue;
    let caller = callers.get(consumer);
    if (caller === undefined) {
      caller = { id: consumer, method: methodOf(line), uses: new Map() };
      callers.set(consumer, caller);
    }
    const key = useKey(api, operation);
    let use = caller.uses.get(key);
    if (use === undefined) {
      use = { calls: 0, refused: 0, last: '' };
      caller.uses.set(key, use);
    }
    if (line.decision === 'refused') {
      if (line.guard === 'authorize') use.refused++;
      continue;
    }
    use.calls++;
    if (line.time > use.last) use.last = line.time;
  }
  return { callers, requests, from, until };
}

const methods: ReadonlySet<string> = new Set(['jwt', 'api-key', 'mtls', 'signature']);

const methodOf = ({ method_of_authentication: method }: ExchangeRecord): Consumer['method'] =>
  method !== undefined && methods.has(method) ? (method as Consumer['method']) : 'jwt';

/** Callers with what is known of their roles: by the configuration, and by claims where those are given. */
export class CallerRoles {
  readonly #principals: Principals;
  readonly #known: Known;
  readonly #config: GateConfig;

  constructor(config: GateConfig, known: Known) {
    this.#principals = new Principals(config.identity);
    this.#known = known;
    this.#config = config;
  }

  consumerOf({ id, method }: Pick<Caller, 'id' | 'method'>): Consumer {
    const says = Object.hasOwn(this.#known, id) ? this.#known[id] : undefined;
    const configured = this.#config.consumers.find((consumer) => consumer.id === id);
    const sub = id.slice(id.indexOf('|') + 1);
    return {
      id,
      method,
      scopes: new Set(says?.scopes ?? configured?.scopes ?? []),
      claims: { ...(method === 'jwt' ? { sub } : {}), ...says?.claims },
      credentialId: '',
    };
  }

  principalOf(caller: Pick<Caller, 'id' | 'method'>) {
    return this.#principals.of(this.consumerOf(caller));
  }

  /** The caller as a review looks at it: what is not known of it decides nothing. */
  subjectOf(caller: Caller): ReviewSubject {
    const principal = this.principalOf(caller);
    if (this.isKnown(caller)) return { who: caller.id, principal, scopes: this.consumerOf(caller).scopes };
    const { ancestors } = principal.data!;
    const data = { attributes: emptyRecord, tags: emptyRecord, ancestors };
    return { who: caller.id, principal: new EntityRef(principal.type, principal.id, data), scopes: null };
  }

  has(caller: Caller, role: string): boolean {
    return this.principalOf(caller).data!.ancestors.has(roleKey(role));
  }

  /** A caller of the kind, without any role. */
  isPlain(caller: Caller, type: string): boolean {
    const principal = this.principalOf(caller);
    return (
      principal.type.toLowerCase() === type &&
      this.isKnown(caller) &&
      !this.#config.identity.roles.some(({ name }) => principal.data!.ancestors.has(roleKey(name)))
    );
  }

  /** Tokens may give some role. */
  get isOpenAtAll(): boolean {
    return this.#config.identity.roles.some(({ name }) => this.isOpen(name));
  }

  /** Tokens may give the role to callers of whom nothing is known here. */
  isOpen(role: string): boolean {
    const { roles, issuers } = this.#config.identity;
    const given = roles.find(({ name }) => name === role);
    const byGroup = (given?.groups.length ?? 0) > 0;
    const byClaim = issuers.some(({ rolesClaim }) => rolesClaim.length > 0);
    const byOther = roles.some(
      ({ name, includes }) => name !== role && includes.includes(role) && this.isOpen(name),
    );
    return byGroup || byClaim || byOther;
  }

  /** Whether claims are given for the caller, so that its roles are known. */
  isKnown({ id, method }: Caller): boolean {
    return method !== 'jwt' || Object.hasOwn(this.#known, id);
  }
}
