// Our compiler against the reference implementation of Cedar: the same policies, entities and requests to both, and every
// decision, reason and error must be the same.
import {
  type isAuthorized,
  preparsePolicySet,
  type EntityJson as ReferenceEntity,
  statefulIsAuthorized,
} from '@cedar-policy/cedar-wasm/nodejs';
import { Diagnostics } from '../../src/core/index.ts';
import {
  decide,
  entityOf,
  PolicyRequest,
  PolicySet,
  parseEntities,
  parsePolicies,
  parseRecord,
  Verdict,
} from '../../src/policy/index.ts';
import { Random } from '../fuzz/random.ts';
import { type GeneratedCase, type GeneratedRequest, generateCase } from './policy-generator.ts';

export interface Comparison {
  cases: number;
  allowed: number;
  /** Cases in which a policy had no value. */
  withErrors: number;
  failure: string | null;
}

interface Answer {
  readonly allowed: boolean;
  readonly reasons: readonly string[];
  readonly errors: readonly string[];
}

/** Runs until `isOver` says so; one case is one request. */
export function comparePolicies(seed: number, isOver: (cases: number) => boolean): Comparison {
  const out: Comparison = { cases: 0, allowed: 0, withErrors: 0, failure: null };
  for (let n = 0; !isOver(out.cases); n++) {
    const generated = generateCase(new Random((seed + Math.imul(n, 0x9e3779b1)) >>> 0));
    out.failure = compareCase(generated, out);
    if (out.failure !== null) {
      out.failure = `set ${n} of seed ${seed}: ${out.failure}`;
      return out;
    }
  }
  return out;
}

function compareCase(generated: GeneratedCase, out: Comparison): string | null {
  const diagnostics = new Diagnostics();
  const text = Object.entries(generated.policies)
    .map(([id, policy]) => `@id("${id}") ${policy}`)
    .join('\n');
  const syntax = parsePolicies(text, 'generated.cedar', diagnostics);
  const parsed = preparsePolicySet('generated', { staticPolicies: generated.policies });
  if (diagnostics.all.length > 0 || parsed.type === 'failure') {
    const theirs =
      parsed.type === 'failure' ? parsed.errors.map((error) => error.message).join('; ') : 'none';
    return `cannot be read: ours ${diagnostics.all.map((entry) => entry.message).join('; ')}, theirs ${theirs}\n${text}`;
  }
  const set = new PolicySet(syntax);
  const entities = parseEntities(generated.entities);
  for (const request of generated.requests) {
    const theirs = askReference(generated, request);
    const asked = new PolicyRequest(
      entityOf(request.principal.type, request.principal.id, entities),
      entityOf(request.action.type, request.action.id, entities),
      entityOf(request.resource.type, request.resource.id, entities),
      parseRecord(request.context),
      entities,
    );
    const ours = answerOf(set, asked);
    out.cases++;
    if (theirs.allowed) out.allowed++;
    if (theirs.errors.length > 0) out.withErrors++;
    const difference = compareAnswers(ours, theirs) ?? compareDecision(set, asked, theirs);
    if (difference !== null)
      return `${difference}\n${text}\n${JSON.stringify(request)}\n${JSON.stringify(generated.entities)}`;
  }
  return null;
}

function answerOf(set: PolicySet, request: PolicyRequest): Answer {
  const { allowed, reasons, failures } = set.evaluate(request);
  return {
    allowed,
    reasons: reasons.map(({ id }) => id).sort(),
    errors: failures.map(({ policy }) => policy.id).sort(),
  };
}

function compareAnswers(ours: Answer, theirs: Answer): string | null {
  const [left, right] = [JSON.stringify(ours), JSON.stringify(theirs)];
  return left === right ? null : `ours ${left}, theirs ${right}`;
}

/** The fast decision: the same answer, for one of the reasons, and no error that the reference does not know. */
function compareDecision(set: PolicySet, request: PolicyRequest, theirs: Answer): string | null {
  const verdict = new Verdict();
  // Twice: the second time finds what the first one remembered.
  for (let i = 0; i < 2; i++) {
    decide(set.forAction(request.action), request, verdict);
    if (verdict.allowed !== theirs.allowed) return `decide says ${verdict.allowed}`;
    if (verdict.policy === null ? theirs.reasons.length > 0 : !theirs.reasons.includes(verdict.policy.id))
      return `decide gives the reason ${verdict.policy?.id}, theirs are ${theirs.reasons}`;
    const errors = new Set((verdict.failures ?? []).map(({ policy }) => policy.id));
    for (const id of errors) if (!theirs.errors.includes(id)) return `decide has an error in ${id}`;
    if (!theirs.allowed) continue;
    const isForbid = (id: string): boolean =>
      set.policies.some((policy) => policy.id === id && policy.effect === 'forbid');
    if (theirs.errors.some(isForbid) && ![...errors].some(isForbid))
      return `decide allows without telling of an error in ${theirs.errors}`;
  }
  return null;
}

function askReference(generated: GeneratedCase, request: GeneratedRequest): Answer {
  const answer = statefulIsAuthorized({
    ...(request as Parameters<typeof isAuthorized>[0]),
    preparsedPolicySetId: 'generated',
    entities: generated.entities as unknown as ReferenceEntity[],
  });
  if (answer.type === 'failure')
    throw new Error(`the reference can not judge: ${answer.errors.map((error) => error.message).join('; ')}`);
  const { decision, diagnostics } = answer.response;
  return {
    allowed: decision === 'allow',
    reasons: [...diagnostics.reason].sort(),
    errors: diagnostics.errors.map(({ policyId }) => policyId).sort(),
  };
}
