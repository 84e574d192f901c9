// Loading a configuration whose references may lead into the vault. The state is opened only when one does.
import type { LoadedConfig, VaultReader, VaultValue } from '../config/load.ts';
import { loadConfig as loadDocument } from '../config/load.ts';

/** As `loadConfig` of the configuration, with references into the vault. */
export function loadConfig(
  file: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<LoadedConfig> {
  return loadDocument(file, env, readFromState);
}

const readFromState: VaultReader = async (config, references) => {
  const { openState } = await import('../stores/index.ts');
  const { readReference } = await import('../vault/index.ts');
  const out = new Map<string, VaultValue>();
  let state: Awaited<ReturnType<typeof openState>>;
  try {
    state = await openState(config, Date.now(), false);
  } catch (error) {
    const problem = (error as Error).message;
    return new Map(references.map((name) => [name, { kind: 'missing', problem }]));
  }
  try {
    for (const name of references) out.set(name, await readReference(state.vault, name));
  } finally {
    await state.close();
  }
  return out;
};
