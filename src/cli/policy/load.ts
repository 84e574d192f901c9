// The configuration as the policy commands need it.
import { GeographyPlane } from '../../app/geography-plane.ts';
import { loadConfig } from '../../app/load-config.ts';
import type { GateConfig } from '../../config/load.ts';
import type { Diagnostic } from '../../core/index.ts';
import type { Geography } from '../../geography/index.ts';
import { CommandError, Exit } from '../output.ts';

export interface LoadedPolicies {
  /** Null where nobody knows where addresses are. */
  readonly places: Geography | null;
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
  const plane = new GeographyPlane();
  try {
    await plane.load(config);
  } catch (error) {
    throw new CommandError((error as Error).message, Exit.configuration);
  }
  return { config, diagnostics, places: plane.placesOf(config) };
}
