// `gatewright secrets import`, `export` and `run`: to and from other stores of secrets, and environments for CI in files that
// only their readers can open (age).
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { Decrypter, Encrypter } from 'age-encryption';
import {
  fromKubernetes,
  fromVault,
  parseEnvFile,
  toEnvFile,
  toKubernetes,
  VaultError,
} from '../../vault/index.ts';
import { CommandError, Exit, print, printJson } from '../output.ts';
import { kvAt } from './secrets.ts';
import { withVault } from './vault.ts';

type Options = Readonly<Record<string, unknown>>;

export const runSecretsImport = (options: Options, folder: string): Promise<number> =>
  withVault(options, async ({ state: { vault } }) => {
    const source = options['source'] as string | undefined;
    const found =
      options['from'] === 'vault'
        ? await fromVault({
            address: (options['address'] as string | undefined) ?? process.env['VAULT_ADDR'] ?? '',
            token: process.env['VAULT_TOKEN'] ?? '',
            mount: 'secret',
            folder: (source ?? '').replace(/^\/|\/$/g, ''),
          })
        : fromKubernetes(readFileSync(source ?? '/dev/stdin', 'utf8'));
    const { kv, rest } = await kvAt(vault, folder);
    let changed = 0;
    for (const { path, data } of found) {
      const place = rest === '' ? path : `${rest}/${path}`;
      // Importing again makes no new versions of what is the same.
      const old = (await kv.read(place))?.data ?? null;
      if (old !== null && JSON.stringify(old) === JSON.stringify(data)) continue;
      await kv.write(place, data);
      changed++;
    }
    if (options['json'] === true) printJson({ found: found.length, changed });
    else print(`${found.length} secrets found, ${changed} written below ${folder}.`);
    return Exit.ok;
  });

export const runSecretsExport = (options: Options, path: string): Promise<number> =>
  withVault(options, async ({ state: { vault } }) => {
    const recipients = (options['to'] as string[] | undefined) ?? [];
    if (recipients.length === 0)
      throw new CommandError('the file is encrypted: name who may open it with --to age1…', Exit.usage);
    const { kv, rest } = await kvAt(vault, path);
    const read = await kv.read(rest);
    if (read?.data == null) throw new CommandError(`there is no secret ${path}`);
    const name = (options['name'] as string | undefined) ?? rest.replaceAll('/', '-');
    const clear = options['as'] === 'kubernetes' ? toKubernetes(name, read.data) : toEnvFile(read.data);
    const encrypter = new Encrypter();
    try {
      for (const recipient of recipients) encrypter.addRecipient(recipient);
    } catch (error) {
      throw new CommandError((error as Error).message, Exit.usage);
    }
    const file = options['out'] as string;
    writeFileSync(file, await encrypter.encrypt(clear), { mode: 0o600 });
    if (options['json'] === true) printJson({ path, version: read.version, file });
    else print(`Version ${read.version} of ${path} is in ${file}.`);
    return Exit.ok;
  });

export async function runSecretsRun(
  options: Options,
  file: string,
  command: readonly string[],
): Promise<number> {
  const [program, ...args] = command;
  if (program === undefined) throw new CommandError('name the command to run after the file', Exit.usage);
  const decrypter = new Decrypter();
  for (const line of readFileSync(options['identity'] as string, 'utf8').split('\n'))
    if (line.startsWith('AGE-SECRET-KEY-')) decrypter.addIdentity(line.trim());
  let clear: string;
  try {
    clear = await decrypter.decrypt(readFileSync(file), 'text');
  } catch (error) {
    throw new CommandError(`${file} can not be opened: ${(error as Error).message}`);
  }
  let variables: Readonly<Record<string, string>>;
  try {
    variables = parseEnvFile(clear);
  } catch (error) {
    if (error instanceof VaultError) throw new CommandError(error.message);
    throw error;
  }
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit', env: { ...process.env, ...variables } });
    child.on('error', (error) => reject(new CommandError(`${program} can not be run: ${error.message}`)));
    child.on('exit', (code) => resolve(code ?? Exit.failed));
  });
}
