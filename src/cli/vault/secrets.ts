// `gatewright secrets`: secrets of the state, by whoever can open it. Values come from files or standard input, because
// arguments stand in process lists and histories.
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { systemClock } from '../../core/index.ts';
import { type Barrier, findMount, KvMount, Mounts } from '../../vault/index.ts';
import { CommandError, Exit, print, printable, printJson } from '../output.ts';
import { withVault } from './vault.ts';

type Options = Readonly<Record<string, unknown>>;

/** The kv mount that `path` lies in, and the rest of the path. */
export async function kvAt(vault: Barrier, path: string): Promise<{ kv: KvMount; rest: string }> {
  const found = findMount(
    (await new Mounts(vault, systemClock).table()).engines,
    path.replace(/^\/|\/$/g, ''),
  );
  if (found === null || found.mount.type !== 'kv')
    throw new CommandError(
      `no kv engine is mounted at ${path}; "secret/" is there from the beginning`,
      Exit.usage,
    );
  const { mount, rest } = found;
  return { kv: new KvMount(vault, systemClock, mount.id, () => mount.kv), rest };
}

async function fieldsOf(fields: readonly string[]): Promise<Record<string, string>> {
  const entries: [string, string][] = [];
  for (const field of fields) {
    const at = field.indexOf('=');
    const [name, source] = [field.slice(0, Math.max(0, at)), field.slice(at + 1)];
    if (name === '' || !(source === '-' || source.startsWith('@')))
      throw new CommandError(
        `"${name || field.slice(0, 20)}": write name=@file, or name=- for standard input`,
        Exit.usage,
      );
    const value = source === '-' ? await text(process.stdin) : readFileSync(source.slice(1), 'utf8');
    entries.push([name, value.replace(/\r?\n$/, '')]);
  }
  return Object.fromEntries(entries);
}

export const runSecretsPut = (options: Options, path: string, fields: readonly string[]): Promise<number> =>
  withVault(options, async ({ state: { vault } }) => {
    const { kv, rest } = await kvAt(vault, path);
    if (fields.length === 0)
      throw new CommandError('name at least one field, such as password=-', Exit.usage);
    const data = await fieldsOf(fields);
    const written = options['patch'] === true ? await kv.patch(rest, data) : await kv.write(rest, data);
    if (written === null) throw new CommandError(`there is no secret ${path}`);
    if (options['json'] === true) printJson({ path, version: written.version });
    else print(`${path}: version ${written.version}.`);
    return Exit.ok;
  });

export const runSecretsGet = (options: Options, path: string): Promise<number> =>
  withVault(options, async ({ state: { vault } }) => {
    const { kv, rest } = await kvAt(vault, path);
    const read = await kv.read(rest, (options['version'] as number | undefined) ?? 0);
    if (read?.data == null) throw new CommandError(`there is no secret ${path}`);
    const field = options['field'] as string | undefined;
    if (field !== undefined) {
      const value = Object.hasOwn(read.data, field) ? read.data[field] : undefined;
      if (value === undefined) throw new CommandError(`${path} has no field "${field}"`);
      process.stdout.write(typeof value === 'string' ? value : JSON.stringify(value));
      return Exit.ok;
    }
    if (options['json'] === true) printJson({ path, version: read.version, data: read.data });
    else
      for (const [name, value] of Object.entries(read.data))
        print(`${name}: ${printable(typeof value === 'string' ? value : JSON.stringify(value))}`);
    return Exit.ok;
  });

export const runSecretsList = (options: Options, folder = 'secret/'): Promise<number> =>
  withVault(options, async ({ state: { vault } }) => {
    const { kv, rest } = await kvAt(vault, folder);
    const names = await kv.list(rest === '' ? '' : `${rest}/`);
    if (options['json'] === true) printJson(names);
    else for (const name of names) print(name);
    return Exit.ok;
  });

export const runSecretsDelete = (options: Options, path: string): Promise<number> =>
  withVault(options, async ({ state: { vault } }) => {
    const { kv, rest } = await kvAt(vault, path);
    const there = options['all'] === true ? await kv.removeAll(rest) : await kv.remove(rest);
    if (!there) throw new CommandError(`there is no secret ${path}`);
    if (options['json'] === true) printJson({ path, destroyed: options['all'] === true });
    else
      print(
        options['all'] === true
          ? `${path} is destroyed.`
          : `The newest version of ${path} is deleted; it can be brought back.`,
      );
    return Exit.ok;
  });
