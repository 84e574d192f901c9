// What a known caller may do: scopes, roles, objects, policies, and then the fields of the body. Every rule must let the
// request pass. What needs no body is judged before one is read. HOT
import type { Clock } from '../../core/index.ts';
import {
  type Decision,
  type Exchange,
  type Guard,
  noHooks,
  type Operation,
  Refusal,
} from '../../exchange/index.ts';
import type { LimitTable } from '../../limits/index.ts';
import { type ContractOperation, JsonBody, parseJsonBody, type SchemaSet } from '../../openapi/index.ts';
import { bodyTypeOf } from './body-type.ts';
import type { RequestShape } from './context.ts';
import type { ApiAuthorizeConfig, AuthorizeConfig, ScopeAlternative } from './contract.ts';
import { compileField, compileRoles } from './fields.ts';
import { parametersOf } from './operation-parameters.ts';
import { compileOwnership, EnumerationWatch } from './ownership.ts';
import { compileParameterReader } from './parameters.ts';
import { type ApiPolicies, compilePolicies, StepUp } from './policies.ts';
import type { Principals } from './principal.ts';
import type { Relation } from './relations.ts';
import type { Risk } from './risk.ts';
import { type Judgement, NO_BODY, type Rule } from './rule.ts';
import { compileScopes } from './scopes.ts';

/** What the operations of one API share. */
export interface AuthorizeContext {
  readonly principals: Principals;
  /** Null when the API has no policies. */
  readonly policies: ApiPolicies | null;
  readonly watch: EnumerationWatch;
  /** By name. */
  readonly relations: ReadonlyMap<string, Relation>;
  /** Null when nothing is weighed. */
  readonly risk: Risk | null;
  readonly schemas: SchemaSet;
  /** The contract's document, for references. */
  readonly document: unknown;
}

export interface AuthorizeOperation {
  readonly operation: Operation;
  readonly contract: ContractOperation;
  readonly scopes: readonly ScopeAlternative[];
  readonly authorize: AuthorizeConfig;
}

export function createWatch(
  api: string,
  config: ApiAuthorizeConfig,
  table: LimitTable,
  clock: Clock,
): EnumerationWatch {
  return new EnumerationWatch(api, config.enumeration, table, clock);
}

/** All rules of the operation, in the order in which they are judged. */
export function compileRules(config: AuthorizeOperation, context: AuthorizeContext): Rule[] {
  const { operation, authorize } = config;
  if (operation.public) return [];
  const { principals, policies } = context;
  const rules: (Rule | null)[] = [compileScopes(config.scopes), compileRoles(authorize.roles, principals)];
  if (authorize.own.length > 0) {
    const parameters = parametersOf(config.contract, context.schemas);
    for (const rule of authorize.own) {
      const { object } = rule;
      const parameter =
        object.kind === 'field' ? null : (parameters.find(({ name }) => name === object.name) ?? null);
      rules.push(compileOwnership(rule, parameter, operation.paramNames, context));
    }
  }
  if (policies !== null)
    rules.push(
      compilePolicies(
        policies,
        { ...operation, takesBody: config.contract.body !== null },
        () => shapeOf(config, context),
        principals,
      ),
    );
  rules.push(...authorize.fields.map((rule) => compileField(rule, principals)));
  return rules.filter((rule) => rule !== null);
}

function shapeOf({ operation, contract }: AuthorizeOperation, context: AuthorizeContext): RequestShape {
  const parameters = parametersOf(contract, context.schemas);
  return {
    readers: new Map(
      parameters.map((entry) => [entry.name, compileParameterReader(entry, operation.paramNames)]),
    ),
    body: bodyTypeOf(contract, context.document),
  };
}

/** Guard for what is judged before the body; null when nothing is. */
export function compileAuthorize(rules: readonly Rule[], risk: Risk | null): Guard | null {
  const head = rules.filter((rule) => !rule.needsBody);
  if (head.length === 0 && risk === null) return null;
  const onRequest = (exchange: Exchange): Decision | Promise<Decision> => {
    if (risk !== null) risk.assess(exchange);
    return answerOf(judgeFrom(head, 0, exchange, NO_BODY), exchange);
  };
  return { ...noHooks, name: 'authorize', onRequest };
}

/** A person whose login is too weak is sent to a better one; a program is told (RFC 9470). */
function answerOf(judged: Judgement, exchange: Exchange): Decision | Promise<Decision> {
  if (judged === null || exchange.reauthenticate === null) return judged;
  if (judged instanceof Promise) return judged.then((refusal) => answerOf(refusal, exchange));
  if (!(judged instanceof StepUp)) return judged;
  return exchange.reauthenticate(exchange, judged.acrValues, judged.maxAge) ?? judged;
}

/** Rules from `from` on, until one refuses; a promise only where one waits. */
function judgeFrom(rules: readonly Rule[], from: number, exchange: Exchange, body: unknown): Judgement {
  for (let i = from; i < rules.length; i++) {
    const refusal = rules[i]!.judge(exchange, body);
    if (refusal === null) continue;
    if (!(refusal instanceof Promise)) return refusal;
    return refusal.then((waited) => waited ?? judgeFrom(rules, i + 1, exchange, body));
  }
  return null;
}

const parsed = new JsonBody();

/** Guard for what is judged with the body; null when nothing is. */
export function compileAuthorizeBody(rules: readonly Rule[]): Guard | null {
  const late = rules.filter((rule) => rule.needsBody);
  if (late.length === 0) return null;
  const onBody = (exchange: Exchange, bytes: Uint8Array): Judgement => {
    let body: unknown = NO_BODY;
    if (bytes.length > 0) {
      const refusal = unreadable(exchange, bytes);
      if (refusal !== null) return refusal;
      body = parsed.value;
      parsed.value = undefined;
    }
    return judgeFrom(late, 0, exchange, body);
  };
  return { ...noHooks, name: 'authorize', onBody };
}

const jsonType = /^application\/(?:[a-z0-9!#$&^_.+-]+\+)?json(?:\s*;|$)/i;

/** A body that rules speak of must be JSON that can be read in one way only, whatever the contract takes besides. */
function unreadable(exchange: Exchange, bytes: Uint8Array): Refusal | null {
  const coding = exchange.fields.get('content-encoding');
  if (coding !== null && coding.toLowerCase() !== 'identity')
    return new Refusal('content-coding-unsupported', 'authorize', 'content-encoding');
  const { fields } = exchange;
  if (fields.count('content-type') !== 1 || !jsonType.test(fields.get('content-type')!))
    return new Refusal('media-type-unsupported', 'authorize', 'content-type');
  parseJsonBody(bytes, parsed);
  return parsed.problem === null ? null : new Refusal('body-invalid', 'authorize', `json-${parsed.problem}`);
}

/** Headers by which frameworks let a request have another method than its line says. */
const overrides: ReadonlySet<string> = new Set([
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
]);

/** The method that was judged is the one that is carried out: a second one is refused, on public operations too. */
export function compileMethodOverride(): Guard {
  const refusal = new Refusal('method-override-refused', 'authorize', 'method-override');
  const onRequest = (exchange: Exchange): Decision => {
    const { names } = exchange.fields;
    for (let i = 0; i < names.length; i++) {
      const name = names[i]!;
      if (name.length > 12 && name.charCodeAt(0) === 120 && overrides.has(name)) return refusal;
    }
    return null;
  };
  return { ...noHooks, name: 'authorize', onRequest };
}
