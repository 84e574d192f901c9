// What is left of policies once principal and action are known: conjuncts about them are answered, policies that can not
// hold any more are gone, and policies that ask the same of the rest are asked once.
import type { CompiledPolicy, Conjunct } from './compile-policy.ts';
import { PolicyRequest } from './request.ts';
import { type EntityData, EntityRef, emptyRecord } from './values.ts';

export interface Residual {
  readonly policy: CompiledPolicy;
  /** What is left to ask, in its order. */
  readonly conjuncts: readonly Conjunct[];
  /** Equal for residuals that ask the same, of the same resources. */
  readonly signature: string;
}

const nothing = new EntityRef('None', '');

/** Tells whether an evaluation asked for an entity that may be another one in the next request. */
class Probe extends PolicyRequest {
  asked = false;

  override dataOf(entity: EntityRef): EntityData | null {
    if (entity.data !== null) return entity.data;
    if (entity.key === this.principal.key) return this.principal.data;
    this.asked = true;
    return null;
  }
}

/**
 * Residuals of policies whose heads match `principal`, which has data of its own, and `action`. What `decide` needs
 * stays: an allowed request still meets each forbid that has no value, unless another part of it says that the forbid
 * does not hold before.
 */
export function residualsOf(
  policies: readonly CompiledPolicy[],
  principal: EntityRef,
  action: EntityRef,
): Residual[] {
  const probe = new Probe(principal, action, nothing, emptyRecord);
  const answers = new Map<string, boolean | null>();
  const out = new Map<string, Residual>();
  for (const policy of policies) {
    const left = principal.data === null ? policy.conjuncts : reduce(policy, probe, answers);
    if (left === null) continue;
    const { kind, keys, type } = policy.resource;
    const signature = [policy.effect, kind, type, ...keys, ...left.map(({ text }) => text)].join('\n');
    if (!out.has(signature)) out.set(signature, { policy, conjuncts: left, signature });
  }
  return [...out.values()];
}

/** Conjuncts that are still to be asked; null when the policy can not hold. */
function reduce(
  policy: CompiledPolicy,
  probe: Probe,
  answers: Map<string, boolean | null>,
): readonly Conjunct[] | null {
  const left: Conjunct[] = [];
  for (const conjunct of policy.conjuncts) {
    const answer = conjunct.isStatic ? ask(conjunct, probe, answers) : null;
    if (answer === true) continue;
    // A forbid without a value must be told of, so what comes before the answer counts; a permit holds or does not.
    if (answer === false && (policy.effect === 'permit' || left.length === 0)) return null;
    left.push(conjunct);
  }
  return left;
}

/** Whether the conjunct holds for good; null when that depends on the request, or it has no value. */
function ask(conjunct: Conjunct, probe: Probe, answers: Map<string, boolean | null>): boolean | null {
  const known = answers.get(conjunct.text);
  if (known !== undefined) return known;
  probe.asked = false;
  const value = conjunct.evaluate(probe);
  const answer = probe.asked || typeof value !== 'boolean' ? null : value === conjunct.wanted;
  answers.set(conjunct.text, answer);
  return answer;
}
