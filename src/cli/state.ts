// Commands that work on the state: they open what the configuration names, whether a gate runs on it or not.
import { loadConfig } from '../app/load-config.ts';
import type { GateConfig } from '../config/load.ts';
import { systemClock } from '../core/index.ts';
import { IdentityError, IdentityRegistry } from '../identity/index.ts';
import { openState, type State, StateError } from '../stores/index.ts';
import { CommandError, Exit } from './output.ts';

export interface StateAccess {
  readonly state: State;
  readonly registry: IdentityRegistry;
  readonly config: GateConfig;
}

export async function withState(
  options: Readonly<Record<string, unknown>>,
  work: (access: StateAccess) => Promise<number>,
  mayCreate = true,
): Promise<number> {
  const file = options['config'] as string;
  const { config, diagnostics } = await loadConfig(file, process.env);
  if (config === null)
    throw new CommandError('the configuration has errors', Exit.configuration, diagnostics);
  if (config.state === null)
    throw new CommandError(
      `${file} names no state; add a line such as "state: { sqlite: ./state.db }"`,
      Exit.configuration,
    );
  let state: State;
  try {
    state = await openState(config.state, Date.now(), mayCreate);
  } catch (error) {
    if (error instanceof StateError) throw new CommandError(error.message);
    throw error;
  }
  try {
    return await work({ state, registry: new IdentityRegistry(state.identity, systemClock), config });
  } catch (error) {
    if (error instanceof IdentityError || error instanceof StateError) throw new CommandError(error.message);
    throw error;
  } finally {
    await state.close();
  }
}

/** A moment for people. */
export const moment = (ms: number | null): string => (ms === null ? '-' : new Date(ms).toISOString());

/** Rows under headings, in columns as wide as they need to be. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [headings, ...rows];
  const widths = headings.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
