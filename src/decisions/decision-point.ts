// Answers questions of services about who may do what. About operations of the gate's APIs the operation's own rules
// answer, all of them; about everything else the policies under `decisions`. What can not be answered is a no.
import type { GateConfig } from '../config/index.ts';
import type { Consumer } from '../exchange/index.ts';
import type { Geography } from '../geography/index.ts';
import { type Owners, Principals } from '../guards/authorize/index.ts';
import {
  decide,
  EntityRef,
  emptyRecord,
  PolicyRequest,
  PolicySet,
  parseRecord,
  ValueProblem,
  Verdict,
} from '../policy/index.ts';
import { CaseJudge, CaseProblem, caseSchema } from './case.ts';

/** An entity of a question (AuthZEN 1.0 section 5). */
export interface AskedEntity {
  readonly type: string;
  readonly id: string;
  readonly properties?: Readonly<Record<string, unknown>>;
}

export interface Question {
  readonly subject: AskedEntity;
  readonly action: { readonly name: string; readonly properties?: Readonly<Record<string, unknown>> };
  readonly resource: AskedEntity;
  readonly context?: Readonly<Record<string, unknown>>;
}

export interface Decided {
  readonly decision: boolean;
  /** Code of the refusal, for the service that asked; empty when allowed. */
  readonly reason: string;
  /** Id of the policy that decided; empty when none did. */
  readonly policy: string;
}

/** Resources of this type are the gate's own APIs, by their name in the configuration. */
const API = 'api';

const kinds = { user: 'user', client: 'client', service: 'service' } as const;
type Kind = keyof typeof kinds;

const denied = (reason: string, policy = ''): Decided => ({ decision: false, reason, policy });

/** One configuration's answers; a reload makes a new one. */
export class DecisionPoint {
  readonly #config: GateConfig;
  readonly #judge: CaseJudge;
  readonly #principals: Principals;
  readonly #policies: PolicySet | null;

  constructor(
    config: GateConfig,
    places: Geography | null,
    ask: (relation: string, object: string) => Promise<Owners>,
  ) {
    this.#config = config;
    this.#judge = new CaseJudge(config, places, ask);
    this.#principals = new Principals(config.identity);
    this.#policies = config.decisions === null ? null : new PolicySet(config.decisions.policies);
  }

  /** Never rejects for what was asked: a question without a meaning is refused with the reason `question-invalid`. */
  async decide(question: Question): Promise<Decided> {
    try {
      return question.resource.type.toLowerCase() === API
        ? await this.#decideOperation(question)
        : this.#decideObject(question);
    } catch (error) {
      if (error instanceof CaseProblem || error instanceof ValueProblem) return denied('question-invalid');
      throw error;
    }
  }

  /** Names of the operations of the API `resource` that `subject` may use; of other resources none are known. */
  async actions(question: Omit<Question, 'action'>): Promise<string[]> {
    const { resource } = question;
    if (resource.type.toLowerCase() !== API) return [];
    const api = this.#config.apis.find(({ name }) => name === resource.id);
    const allowed: string[] = [];
    for (const { id } of api?.operations ?? []) {
      const { decision } = await this.decide({ ...question, action: { name: id } });
      if (decision) allowed.push(id);
    }
    return allowed;
  }

  async #decideOperation({ subject, action, resource, context = {} }: Question): Promise<Decided> {
    const kind = kindOf(subject);
    if (kind === null) return denied('subject-unknown');
    const { scopes, claims } = subject.properties ?? {};
    const { parameters, body, address, country, asn, risk, time, agent } = {
      ...context,
      ...action.properties,
    };
    const parsed = caseSchema.safeParse({
      api: resource.id,
      operation: action.name,
      as: { [kind]: subject.id, scopes, claims: claims ?? {} },
      parameters: parameters ?? {},
      body,
      address,
      country,
      asn,
      risk,
      time,
      agent,
    });
    if (!parsed.success) return denied('question-invalid');
    const outcome = await this.#judge.judge(parsed.data);
    const byPolicy = outcome.allowed || outcome.code === 'policy-denied';
    return { decision: outcome.allowed, reason: outcome.code, policy: byPolicy ? outcome.policy : '' };
  }

  #decideObject({ subject, action, resource, context = {} }: Question): Decided {
    if (this.#policies === null) return denied('resource-unknown');
    const bare = { ancestors: new Set<string>(), tags: emptyRecord };
    const asked = new EntityRef('Action', action.name, {
      ...bare,
      attributes: parseRecord(action.properties ?? {}),
    });
    const object = new EntityRef(resource.type, resource.id, {
      ...bare,
      attributes: parseRecord(resource.properties ?? {}),
    });
    const request = new PolicyRequest(this.#principalOf(subject), asked, object, parseRecord(context));
    // An action of a question has attributes of its own: what is found for one must not serve the next.
    const verdict = new Verdict();
    decide(this.#policies.forAction(new EntityRef('Action', action.name)), request, verdict);
    const failed = verdict.failures?.find(({ policy }) => policy.effect === 'forbid');
    if (failed !== undefined) return denied('policy-denied', failed.policy.id);
    const policy = verdict.policy?.id ?? '';
    return verdict.allowed ? { decision: true, reason: '', policy } : denied('policy-denied', policy);
  }

  /** Callers of the gate with their roles; other subjects as the service describes them. */
  #principalOf(subject: AskedEntity): EntityRef {
    const kind = kindOf(subject);
    const properties = subject.properties ?? {};
    if (kind !== null) return this.#principals.of(consumerOf(kind, subject.id, properties));
    return new EntityRef(subject.type, subject.id, {
      attributes: parseRecord(properties),
      ancestors: new Set(),
      tags: emptyRecord,
    });
  }
}

function kindOf({ type }: AskedEntity): Kind | null {
  const name = type.toLowerCase();
  return Object.hasOwn(kinds, name) ? kinds[name as Kind] : null;
}

const methods = { user: 'jwt', client: 'api-key', service: 'mtls' } as const;

function consumerOf(kind: Kind, id: string, properties: Readonly<Record<string, unknown>>): Consumer {
  const { scopes, claims } = properties;
  const list = Array.isArray(scopes) ? scopes.filter((scope) => typeof scope === 'string') : [];
  const own = typeof claims === 'object' && claims !== null && !Array.isArray(claims) ? claims : {};
  const subject = kind === 'user' ? { sub: id.slice(id.indexOf('|') + 1) } : {};
  return {
    id,
    method: methods[kind],
    scopes: new Set<string>(list),
    claims: { ...subject, ...own },
    credentialId: '',
  };
}
