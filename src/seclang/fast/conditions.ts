// What must hold of the request for a rule to have an effect at all: each link of its chain that looks only at values known
// beforehand must match one of them. A rule whose conditions do not all hold is left out.

import type { VariableName } from '../language/variables.ts';
import type { Profile } from '../rules/profile.ts';
import type { Link, Rule } from '../rules/rule.ts';
import { channelStages, type Origin, originOf, type Stage } from './channels.ts';
import { type Isolated, isolate } from './isolated.ts';
import { readsEarlierCapture, readsEarlierMatch } from './rule-traits.ts';
import { shownPaths } from './wake.ts';

/** A link that must match some value. */
export interface Condition {
  readonly rule: Rule;
  readonly link: Link;
  /** Null when a match of the link is all there is to ask. */
  readonly isolated: Isolated | null;
}

export type OriginOf = (variable: VariableName) => Origin | null;

/** Where no live rule changes REQBODY_PROCESSOR from phase 2 on, it stays what phase 1 made it. */
export function originsOf(live: readonly Rule[]): OriginOf {
  const isChanged = live.some(
    (rule) =>
      rule.phase > 1 &&
      rule.links.some((link) => link.effects.some(({ kind }) => kind === 'request-body-processor')),
  );
  return (variable) =>
    variable === 'REQBODY_PROCESSOR' && !isChanged ? { kind: 'scalar', stage: 2 } : originOf(variable);
}

export interface LiveRules {
  readonly profile: Profile;
  readonly rules: readonly Rule[];
  readonly origins: OriginOf;
  /** No rule reads what an earlier one matched … */
  readonly canForgetMatches: boolean;
  /** … or captured. */
  readonly canForgetCaptures: boolean;
}

export function liveRulesOf(profile: Profile, rules: readonly Rule[]): LiveRules {
  return {
    profile,
    rules,
    origins: originsOf(rules),
    canForgetMatches: !rules.some(readsEarlierMatch),
    canForgetCaptures: !rules.some(readsEarlierCapture),
  };
}

/** None for a rule that must always run. */
export function conditionsOf(rule: Rule, live: LiveRules): Condition[] {
  const found: Condition[] = [];
  for (const link of rule.links) {
    if (canWake(rule, link, live.origins)) {
      const isolated =
        link === rule.links[0] && live.canForgetMatches && live.canForgetCaptures
          ? isolate(rule, live.rules, live.profile)
          : null;
      found.push({ rule, link, isolated });
    }
    // What a link has set stays set if a later one does not match, so those do not count.
    if (!live.canForgetMatches || link.assignments.length + link.bindings.length > 0) break;
    if (link.isCapturing && !live.canForgetCaptures) break;
  }
  return found;
}

/** The link looks only at values that are known with the rule's phase and can be judged by themselves. */
function canWake(rule: Rule, link: Link, origins: OriginOf): boolean {
  const { operator } = link;
  if (operator === null || operator.isDynamic) return false;
  return link.targets.every((target) => {
    const origin = origins(target.variable);
    if (origin === null || firstStage(origin) > rule.phase) return false;
    if (target.path !== null && !shownPaths.includes(target.path)) return false;
    if (!target.isCount) return true;
    const isOneChannel = origin.kind === 'collection' && origin.channels.length === 1 && !origin.ofNames;
    return isOneChannel && target.pattern === null && link.exclusions.length === 0;
  });
}

/** Rules of phase 1 look at arguments, too: at those of the query. */
const firstStage = (origin: Origin): Stage =>
  origin.kind === 'scalar' ? origin.stage : channelStages[origin.channels[0]!];

export function lastStage(conditions: readonly Condition[], origins: OriginOf): 0 | Stage {
  let last: 0 | Stage = 0;
  for (const { rule, link } of conditions) {
    for (const target of link.targets) {
      const origin = origins(target.variable)!;
      const stages =
        origin.kind === 'scalar' ? [origin.stage] : origin.channels.map((name) => channelStages[name]);
      for (const stage of stages) if (stage <= rule.phase && stage > last) last = stage;
    }
  }
  return last;
}
