// Rights that nobody used: roles held against recorded traffic. What the log can not tell, because tokens give the role and
// nobody said to whom, is said and not guessed.
import type { GateConfig } from '../../config/load.ts';
import type { Diagnostics, Place } from '../../core/index.ts';
import type { ReviewRow } from '../../guards/authorize/index.ts';
import type { Known } from './recorded.ts';
import { CallerRoles, type Usage, useKey } from './usage.ts';

export interface RoleUse {
  readonly role: string;
  /** Callers with the role that were seen. */
  readonly callers: number;
  /** Operations that the role opens, as `api operation`. */
  readonly granted: readonly string[];
  readonly unused: readonly string[];
  /** Callers whose roles are not known made requests: they may have used what seems unused. */
  readonly uncertain: boolean;
}

/** `rows` of the access review. A role has what its own name opens, not what it includes. */
export function roleUses(
  config: GateConfig,
  rows: readonly ReviewRow[],
  usage: Usage,
  known: Known,
): RoleUse[] {
  const roles = new CallerRoles(config, known);
  const callers = [...usage.callers.values()];
  const strangers = callers.some((caller) => !roles.isKnown(caller));
  const open = openToAll(rows);
  return config.identity.roles.map(({ name }) => {
    const members = callers.filter((caller) => roles.has(caller, name));
    const granted = rows.filter(
      (row) => row.who === `role ${name}` && row.access !== 'no' && !open.has(useKey(row.api, row.operation)),
    );
    const unused = granted.filter(
      ({ api, operation }) => !members.some(({ uses }) => (uses.get(useKey(api, operation))?.calls ?? 0) > 0),
    );
    const text = (row: ReviewRow): string => `${row.api} ${row.operation}`;
    return {
      role: name,
      callers: members.length,
      granted: granted.map(text),
      unused: unused.map(text),
      uncertain: strangers && roles.isOpen(name),
    };
  });
}

/** Operations that callers without any role may use: no role is needed for them. */
const openToAll = (rows: readonly ReviewRow[]): ReadonlySet<string> =>
  new Set(
    rows
      .filter(({ who, access }) => who.startsWith('any ') && access !== 'no')
      .map(({ api, operation }) => useKey(api, operation)),
  );

export function reportUnused(
  uses: readonly RoleUse[],
  since: string,
  place: (role: string) => Place,
  diagnostics: Diagnostics,
): void {
  for (const { role, callers, granted, unused, uncertain } of uses) {
    if (unused.length === 0) continue;
    const all = unused.length === granted.length;
    const doubt = uncertain ? ' But the roles of some callers are not known: --principals tells them.' : '';
    diagnostics.warning(
      'policy-unused',
      place(role),
      all
        ? `Nobody used what the role "${role}" opens since ${since} (${granted.length} operations; ${callers} callers with it were seen).${doubt}`
        : `The role "${role}" opens ${granted.length} operations, of which ${unused.length} were not used since ${since}: ${unused.join(', ')}.${doubt}`,
      all ? 'Remove the role, or its members.' : 'Take away what is not needed.',
    );
  }
}
