// A request as people or services describe it, in a test file, on the command line or over the AuthZEN API, judged by the
// same rules that the gate compiles.
import { z } from 'zod';
import type { ApiConfig, GateConfig, OperationConfig } from '../config/index.ts';
import { closestName, parseDuration, systemClock } from '../core/index.ts';
import { type Consumer, Exchange, type Journey, type Place, type RiskSign } from '../exchange/index.ts';
import { createLastPlaces, type Geography, LastPlaces, placeOf } from '../geography/index.ts';
import { AddressLists } from '../guards/admit/index.ts';
import {
  type AuthorizeContext,
  compileApiPolicies,
  compileRules,
  createWatch,
  explainRules,
  NO_BODY,
  type Owners,
  Principals,
  Relation,
  RelationDesk,
  Risk,
  type Rule,
  type RuleOutcome,
} from '../guards/authorize/index.ts';
import { createLimitTable, LimitTable } from '../limits/index.ts';
import { SchemaSet } from '../openapi/index.ts';

const plain = z.union([z.string(), z.number(), z.boolean()]);

const country = z
  .string()
  .regex(/^[A-Z]{2}$/)
  .optional();
const asn = z.int().min(1).max(0xffff_ffff).optional();

const ago = z
  .string()
  .refine((text) => parseDuration(text) !== null, { message: 'is not a duration, for instance 10m' })
  .transform((text) => parseDuration(text)!);

export const caseSchema = z.strictObject({
  api: z.string().optional(),
  operation: z.string(),
  as: z
    .strictObject({
      user: z.string().optional(),
      client: z.string().optional(),
      service: z.string().optional(),
      scopes: z.array(z.string()).optional(),
      claims: z.record(z.string(), z.unknown()).default({}),
    })
    .refine(
      (value) =>
        [value.user, value.client, value.service].filter((entry) => entry !== undefined).length === 1,
      { message: 'needs one of user (issuer|subject), client and service' },
    ),
  parameters: z.record(z.string(), z.union([plain, z.array(plain)])).default({}),
  body: z.unknown().optional(),
  address: z.string().default('127.0.0.1'),
  /** Instead of what the databases of places say of the address. */
  country,
  asn,
  /** When, where and with which User-Agent the caller was seen before. */
  last: z
    .strictObject({
      address: z.string().optional(),
      country,
      asn,
      agent: z.string().optional(),
      ago,
    })
    .optional(),
  risk: z.int().min(0).max(100).optional(),
  /** Signs that made `risk`: another configuration may weigh them otherwise. */
  signs: z.array(z.string()).optional(),
  time: z.iso.datetime({ offset: true }).optional(),
  agent: z.string().optional(),
  relations: z.record(z.string(), z.record(z.string(), z.array(z.string()))).default({}),
});

export type PolicyCase = z.output<typeof caseSchema>;

export interface CaseOutcome {
  readonly api: string;
  readonly operation: string;
  readonly allowed: boolean;
  /** Open to everybody: no rule is asked. */
  readonly public: boolean;
  /** Code of the first refusal; empty when allowed. */
  readonly code: string;
  /** The policy that decided; empty when none did. */
  readonly policy: string;
  readonly rules: readonly RuleOutcome[];
  readonly risk: {
    /** 0 to 100. */
    readonly value: number;
    readonly signs: readonly { readonly name: RiskSign; readonly adds: number }[];
    readonly journey: Journey | null;
  };
  /** Empty and 0 where nobody knows. */
  readonly place: { readonly country: string; readonly asn: number };
}

/** Lists that come from elsewhere are not fetched to judge a case: nobody is on them. */
const noLists = new AddressLists();
const MAX_CONSUMERS = 10_000;

/** Where a case's own clock starts, after the longest time that anything is remembered. */
const MONOTONIC_START_MS = 1e12;

/** An outcome without its explanation. */
export interface CaseVerdict {
  readonly allowed: boolean;
  /** Code of the refusal; empty when allowed. */
  readonly code: string;
  /** The policy that decided; empty when none did. */
  readonly policy: string;
  /** Rules of the operation look into the body. */
  readonly asksBody: boolean;
  /** A rule was left out because nobody says whose the object is. */
  readonly withoutOwner: boolean;
}

/** What is wrong with a case beside its form. */
export class CaseProblem extends Error {
  override readonly name = 'CaseProblem';
}

/** Rules of a configuration, compiled as its operations are asked for. */
export class CaseJudge {
  readonly #config: GateConfig;
  readonly #principals: Principals;
  readonly #contexts = new Map<ApiConfig, AuthorizeContext>();
  readonly #rules = new Map<OperationConfig, readonly Rule[]>();
  /** What the case at hand says of owners: no service is asked. */
  #owners: PolicyCase['relations'] = {};
  readonly #relations: ReadonlyMap<string, Relation>;
  readonly #places: Geography | null;
  /** By what the case says of them. */
  readonly #consumers = new Map<string, Consumer>();
  /** Of the case at hand. */
  #risk: Risk | null = null;

  /**
   * `places` says where addresses are, and `ask` finds owners out that a case does not name; without it they are
   * unavailable, which refuses.
   */
  constructor(
    config: GateConfig,
    places: Geography | null = null,
    ask: ((relation: string, object: string) => Promise<Owners>) | null = null,
  ) {
    this.#config = config;
    this.#places = places;
    this.#principals = new Principals(config.identity);
    const desk: RelationDesk = new RelationDesk((name, id, object) => {
      const owners = this.#owners[name]?.[object];
      const unavailable: Owners = { kind: 'unavailable' };
      const answer =
        owners !== undefined
          ? Promise.resolve<Owners>({ kind: 'found', owners })
          : (ask?.(name, object) ?? Promise.resolve(unavailable));
      answer.catch(() => unavailable).then((found) => desk.answered(id, found));
    });
    this.#relations = new Map(config.relations.map(({ name }) => [name, new Relation(name, 0, desk)]));
  }

  /** `head` leaves out what only the body can tell. */
  async judge(request: PolicyCase, part: 'all' | 'head' = 'all'): Promise<CaseOutcome> {
    this.#owners = request.relations;
    const [api, operation] = this.find(request.api, request.operation);
    const exchange = this.#exchangeOf(request, api, operation);
    const body = request.body === undefined ? NO_BODY : request.body;
    const rules = await explainRules(
      this.#rulesOf(api, operation).filter(({ needsBody }) => part === 'all' || !needsBody),
      exchange,
      body,
    );
    const refused = rules.find(({ passes }) => !passes);
    return {
      api: api.name,
      operation: operation.id,
      allowed: refused === undefined,
      public: operation.publicReason !== null,
      code: refused?.code ?? '',
      policy: exchange.policy,
      rules,
      risk: {
        value: exchange.risk,
        signs: this.#risk?.weights(exchange) ?? [],
        journey: exchange.journey,
      },
      place: { country: exchange.place?.country ?? '', asn: exchange.place?.asn ?? 0 },
    };
  }

  /**
   * The same, up to the first refusal and without explanations: for many cases. Owners that the case does not name are not
   * asked for, and rules about them are left out.
   */
  async decide(request: PolicyCase, part: 'all' | 'head' = 'all'): Promise<CaseVerdict> {
    this.#owners = request.relations;
    const [api, operation] = this.find(request.api, request.operation);
    const exchange = this.#exchangeOf(request, api, operation);
    const body = request.body === undefined ? NO_BODY : request.body;
    const rules = this.#rulesOf(api, operation);
    const asksBody = rules.some(({ needsBody }) => needsBody);
    let withoutOwner = false;
    for (const rule of rules) {
      if (part === 'head' && rule.needsBody) continue;
      const judged = rule.judge(exchange, body);
      const refusal = judged instanceof Promise ? await judged : judged;
      if (refusal === null) continue;
      if (refusal.code !== 'owner-unavailable')
        return { allowed: false, code: refusal.code, policy: exchange.policy, asksBody, withoutOwner };
      withoutOwner = true;
    }
    return { allowed: true, code: '', policy: exchange.policy, asksBody, withoutOwner };
  }

  find(apiName: string | undefined, id: string): [ApiConfig, OperationConfig] {
    const apis = this.#config.apis.filter(({ name }) => apiName === undefined || name === apiName);
    if (apis.length === 0) throw new CaseProblem(`there is no API "${apiName}"`);
    const found = apis.flatMap((api) =>
      api.operations.filter((operation) => operation.id === id).map((operation) => [api, operation] as const),
    );
    if (found.length === 1) return [found[0]![0], found[0]![1]];
    if (found.length > 1)
      throw new CaseProblem(`several APIs have an operation "${id}": name the API with "api"`);
    const near = closestName(
      id,
      apis.flatMap(({ operations }) => operations.map((operation) => operation.id)),
    );
    throw new CaseProblem(`there is no operation "${id}"${near === null ? '' : `; did you mean "${near}"?`}`);
  }

  #rulesOf(api: ApiConfig, operation: OperationConfig): readonly Rule[] {
    let rules = this.#rules.get(operation);
    if (rules === undefined) {
      const described = {
        index: 0,
        api: api.name,
        id: operation.id,
        method: operation.method,
        template: operation.template,
        paramNames: namesOf(operation.template),
        public: operation.publicReason !== null,
      };
      const { contract, scopes, authorize } = operation;
      rules = compileRules({ operation: described, contract, scopes, authorize }, this.#contextOf(api));
      this.#rules.set(operation, rules);
    }
    return rules;
  }

  #contextOf(api: ApiConfig): AuthorizeContext {
    let context = this.#contexts.get(api);
    if (context === undefined) {
      const { policies } = api.authorize;
      // Nobody is taken for trying ids here, however many cases there are.
      const table = new LimitTable(createLimitTable(64));
      const watch = { ...api.authorize, enumeration: { count: 1_000_000, periodMs: 1 } };
      context = {
        principals: this.#principals,
        policies: policies === null ? null : compileApiPolicies(api.name, policies, table, systemClock),
        watch: createWatch(api.name, watch, table, systemClock),
        relations: this.#relations,
        risk: null,
        schemas: new SchemaSet(api.contractDocument, { checked: true }),
        document: api.contractDocument,
      };
      this.#contexts.set(api, context);
    }
    return context;
  }

  #exchangeOf(request: PolicyCase, api: ApiConfig, operation: OperationConfig): Exchange {
    const exchange = new Exchange();
    const names = namesOf(operation.template);
    for (const name of names) {
      if (request.parameters[name] === undefined)
        throw new CaseProblem(`"${operation.id}" needs the parameter "${name}"`);
    }
    const textOf = (value: unknown): string => String(value);
    exchange.params = names.map((name) => textOf(request.parameters[name]));
    let at = 0;
    exchange.path = operation.template.replace(/\{[^{}]+\}/g, () =>
      encodeURIComponent(exchange.params[at++]!),
    );
    exchange.query = Object.entries(request.parameters)
      .filter(([name]) => !names.includes(name))
      .flatMap(([name, value]) =>
        [value].flat().map((entry) => `${encodeURIComponent(name)}=${encodeURIComponent(textOf(entry))}`),
      )
      .join('&');
    exchange.method = operation.method;
    exchange.host = api.hosts[0] ?? 'localhost';
    exchange.listener = api.listeners[0] ?? '';
    exchange.secure = this.#config.listeners.find(({ name }) => name === exchange.listener)?.tls != null;
    exchange.peerAddress = request.address;
    exchange.clientAddress = request.address;
    exchange.place = this.#placeOf(request);
    exchange.receivedMs = request.time === undefined ? Date.now() : Date.parse(request.time);
    if (request.agent !== undefined) exchange.fields.append('user-agent', request.agent);
    exchange.consumer = this.#consumerOf(request.as);
    if (request.signs !== undefined) exchange.risk = this.#weigh(exchange, request);
    else if (request.risk !== undefined) exchange.risk = request.risk;
    else this.#assess(exchange, request);
    return exchange;
  }

  /** What the signs that were seen add up to here; those that need no memory are looked for anew. */
  #weigh(exchange: Exchange, request: PolicyCase): number {
    const { risk: config } = this.#config;
    if (config === null) return 0;
    this.#assess(exchange, request);
    return this.#risk!.weigh(exchange, request.signs ?? []);
  }

  /** What is remembered is what the case says: nothing of one case is known to the next. */
  #assess(exchange: Exchange, { last }: PolicyCase): void {
    const { risk: config } = this.#config;
    this.#risk = null;
    if (config === null) return;
    let nowMs = MONOTONIC_START_MS;
    const risk = new Risk(config, {
      limits: new LimitTable(createLimitTable(64)),
      places: new LastPlaces(createLastPlaces(8)),
      lists: noLists,
      clock: { epochMs: () => exchange.receivedMs, monotonicMs: () => nowMs },
    });
    if (last !== undefined) {
      const before = new Exchange();
      before.consumer = exchange.consumer;
      before.receivedMs = exchange.receivedMs - last.ago;
      before.clientAddress = last.address ?? exchange.clientAddress;
      before.place = this.#placeOf({ ...last, address: before.clientAddress });
      const agent = last.agent ?? exchange.fields.get('user-agent');
      if (agent !== null) before.fields.append('user-agent', agent);
      risk.assess(before);
    }
    nowMs += last?.ago ?? 0;
    risk.assess(exchange);
    this.#risk = risk;
  }

  #placeOf({ address, country, asn }: Pick<PolicyCase, 'address' | 'country' | 'asn'>): Place | null {
    const found = this.#places?.placeOf(address) ?? null;
    if (country === undefined && asn === undefined) return found;
    // Who is said to be in another country is not at the place that the databases know.
    const isThere = country === undefined || country === found?.country;
    return placeOf([{ country_code: country, asn }, isThere ? found : { asn: found?.asn }]);
  }

  /** The same object for the same caller: what its rules found out of it is kept. */
  #consumerOf(as: PolicyCase['as']): Consumer {
    const key = JSON.stringify(as);
    let consumer = this.#consumers.get(key);
    if (consumer === undefined) {
      if (this.#consumers.size >= MAX_CONSUMERS) this.#consumers.clear();
      consumer = this.#createConsumer(as);
      this.#consumers.set(key, consumer);
    }
    return consumer;
  }

  #createConsumer(as: PolicyCase['as']): Consumer {
    const known = this.#config.consumers.find(({ id }) => id === (as.client ?? as.service));
    const claimed = as.claims['scope'];
    const fromToken = typeof claimed === 'string' ? claimed.split(' ') : [];
    const scopes = new Set(as.scopes ?? (as.user === undefined ? (known?.scopes ?? []) : fromToken));
    const common = { scopes, credentialId: '' };
    if (as.user === undefined) {
      const method = as.client === undefined ? 'mtls' : 'api-key';
      return { id: (as.client ?? as.service)!, method, claims: {}, ...common };
    }
    const bar = as.user.indexOf('|');
    if (bar === -1) throw new CaseProblem(`"${as.user}" is no user: write issuer|subject`);
    return { id: as.user, method: 'jwt', claims: { sub: as.user.slice(bar + 1), ...as.claims }, ...common };
  }
}

const namesOf = (template: string): string[] =>
  [...template.matchAll(/\{([^{}]+)\}/g)].map((match) => match[1]!);
