// The configuration as the policy commands need it.
import { loadConfig } from '../../app/load-config.ts';
import type { GateConfig } from '../../config/load.ts';
import type { Diagnostic } from '../../core/index.ts';
import { CommandError, Exit } from '../output.ts';

export interface LoadedPolicies {
  readonly config: GateConfig;
  readonly diagnostics: readonly Diagnostic[];
}

export async function loadForPolicies(
  options: Readonly<Record<string, unknown>>,
  file = options['config'] as string,
): Promise<LoadedPolicies> {
  const { config, diagnostics } = await loadConfig(file, process.env);
  if (config === null)
    throw new CommandError('the configuration has errors', Exit.configuration, diagnostics);
  return { config, diagnostics };
}
