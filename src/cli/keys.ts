// `gatewright keys`: keys are made and hashed here, never sent anywhere.
import { text } from 'node:stream/consumers';
import { createApiKey, hashApiKey } from '../guards/authenticate/index.ts';
import { CommandError, Exit, print, printJson } from './output.ts';

export async function runKeysCreate(options: Readonly<Record<string, unknown>>, id: string): Promise<number> {
  let created: ReturnType<typeof createApiKey>;
  try {
    created = createApiKey(id);
  } catch (error) {
    throw new CommandError((error as Error).message, Exit.usage);
  }
  if (options['json'] === true) printJson({ id, key: created.key, sha256: created.sha256 });
  else {
    print(`Key (shown once, give it to the caller):\n\n  ${created.key}\n`);
    print(
      `Under identity.consumers.<name>.keys in the configuration:\n\n  - { id: ${id}, sha256: ${created.sha256} }`,
    );
  }
  return Exit.ok;
}

export async function runKeysHash(options: Readonly<Record<string, unknown>>): Promise<number> {
  const key = (await text(process.stdin)).trim();
  if (key === '') throw new CommandError('no key came on standard input', Exit.usage);
  const sha256 = hashApiKey(key);
  if (options['json'] === true) printJson({ sha256 });
  else print(sha256);
  return Exit.ok;
}
