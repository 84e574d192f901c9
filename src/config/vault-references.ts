// References into the vault, `${vault:path#field}`: found before everything else is resolved, and read all at once by whoever
// can open the vault, because what names the vault stands in the same file.
import { Diagnostics } from '../core/index.ts';
import { stateSchema } from './document-state.ts';
import { vaultSchema } from './document-vault.ts';
import type { StateConfig } from './gate-config.ts';
import { resolveReferences } from './references.ts';
import { resolveStateConfig } from './resolve-vault.ts';
import type { YamlSource } from './yaml-source.ts';

export type VaultValue =
  | {
      readonly kind: 'value';
      readonly value: string /** Moves with every change. */;
      readonly version: string;
    }
  | { readonly kind: 'missing'; readonly problem: string };

/** Opens the vault of `state` and reads; never rejects, problems stand beside each reference. */
export type VaultReader = (
  state: StateConfig,
  references: readonly string[],
) => Promise<ReadonlyMap<string, VaultValue>>;

const reference = /^\$\{vault:([^}]*)\}$/;
/** What the vault needs before it is open. */
const before = new Set(['state', 'vault']);

/** References of the document without `${vault:` and `}`, each once. */
export function findVaultReferences(data: unknown): readonly string[] {
  const found = new Set<string>();
  const walk = (value: unknown): void => {
    if (typeof value === 'string') {
      const match = reference.exec(value);
      if (match !== null) found.add(match[1]!);
    } else if (typeof value === 'object' && value !== null) Object.values(value).forEach(walk);
  };
  if (typeof data === 'object' && data !== null) {
    for (const [section, value] of Object.entries(data)) if (!before.has(section)) walk(value);
  }
  return [...found];
}

/** What the references of `source` stand for; empty when there are none, or no state to read them from. */
export async function readVaultReferences(
  source: YamlSource,
  folder: string,
  env: Readonly<Record<string, string | undefined>>,
  reader: VaultReader | null,
): Promise<ReadonlyMap<string, VaultValue>> {
  const references = findVaultReferences(source.data);
  const missing = (problem: string): ReadonlyMap<string, VaultValue> =>
    new Map(references.map((name) => [name, { kind: 'missing', problem }]));
  if (references.length === 0) return new Map();
  if (reader === null) return missing('it can not be opened here');
  const { state, vault } = source.data as Record<string, unknown>;
  // What is wrong with these sections is told when the whole document is parsed.
  const tree = resolveReferences({ state, vault }, source, folder, env, new Diagnostics(), new Map());
  const resolved = tree.data as { state?: unknown; vault?: unknown };
  const parsedState = stateSchema.safeParse(resolved.state);
  const parsedVault = vaultSchema.optional().safeParse(resolved.vault);
  if (!parsedState.success || !parsedVault.success)
    return missing('there is no state that it could be kept in');
  return reader(resolveStateConfig(parsedState.data, parsedVault.data, folder), references);
}
