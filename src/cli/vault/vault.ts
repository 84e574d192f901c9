// `gatewright vault`: what whoever can open the state may do with its keys.
import { text } from 'node:stream/consumers';
import { loadConfig } from '../../app/load-config.ts';
import { systemClock } from '../../core/index.ts';
import {
  createRoot,
  DatabaseEngine,
  newSharesRoot,
  TokenStore,
  Unsealing,
  VaultError,
  VaultService,
  writeKeyFile,
} from '../../vault/index.ts';
import { CommandError, Exit, print, printJson } from '../output.ts';
import { moment, type StateAccess, table, withState } from '../state.ts';

type Options = Readonly<Record<string, unknown>>;

/** As `withState`, for commands that need the vault open. */
export function withVault(options: Options, work: (access: StateAccess) => Promise<number>): Promise<number> {
  return withState(
    options,
    async (access) => {
      if (access.state.vault.sealed)
        throw new CommandError(
          'the vault is sealed: it opens with shares, which a running gate takes, or has no key',
        );
      try {
        return await work(access);
      } catch (error) {
        if (error instanceof VaultError) throw new CommandError(error.message);
        throw error;
      }
    },
    true,
  );
}

export const runVaultStatus = (options: Options): Promise<number> =>
  withState(options, async ({ state }) => {
    const status = await state.vault.status();
    const keys = await state.vault.keyStatus();
    if (options['json'] === true) printJson({ ...status, keys });
    else {
      print(`Root key: ${status.rootKind || 'not set up'}${status.sealed ? ', sealed' : ''}\n`);
      print(
        table(
          ['KEY', 'VERSION', 'OLDER', 'SINCE'],
          keys.map((key) => [
            key.name,
            String(key.current),
            key.older.join(' ') || '-',
            moment(key.createdMs),
          ]),
        ),
      );
    }
    return Exit.ok;
  });

export async function runVaultKey(options: Options, file: string): Promise<number> {
  let made: boolean;
  try {
    made = writeKeyFile(file);
  } catch (error) {
    throw new CommandError((error as Error).message);
  }
  if (!made) throw new CommandError(`${file} exists already`);
  if (options['json'] === true) printJson({ file });
  else print(`Made ${file}. Keep a copy where backups are not: without it nothing in the vault can be read.`);
  return Exit.ok;
}

export const runVaultRotate = (options: Options, name: string | undefined): Promise<number> =>
  withVault(options, async ({ state: { vault } }) => {
    const names = name === undefined ? (await vault.keyStatus()).map((key) => key.name) : [name];
    const done: { key: string; version: number; records: number }[] = [];
    for (const key of names) {
      const version = await vault.rotate(key);
      done.push({ key, version, records: await vault.rewrap(key) });
    }
    if (options['json'] === true) printJson(done);
    else
      for (const { key, version, records } of done)
        print(`${key}: version ${version}, ${records} records moved.`);
    return Exit.ok;
  });

export async function runVaultReroot(options: Options): Promise<number> {
  const next = await loadConfig(options['to'] as string, process.env);
  if (next.config === null)
    throw new CommandError('the new configuration has errors', Exit.configuration, next.diagnostics);
  const wanted = next.config.state?.root ?? null;
  if (wanted === null)
    throw new CommandError('the new configuration names no vault.root', Exit.configuration);
  return withVault(options, async ({ state: { vault } }) => {
    if (wanted.kind !== 'shares') {
      await vault.changeRoot(await createRoot(wanted));
      if (options['json'] === true) printJson({ root: wanted.kind });
      else
        print(`The root key is new and wrapped by ${wanted.kind}. Start gates with the new configuration.`);
      return Exit.ok;
    }
    const root = newSharesRoot(options['shares'] as number, options['threshold'] as number);
    await vault.changeRoot(root);
    if (options['json'] === true) printJson({ root: wanted.kind, shares: root.shares });
    else {
      print('The root key is new. Give each keeper one of these, shown once:\n');
      for (const share of root.shares) print(`  ${share}`);
    }
    return Exit.ok;
  });
}

export async function runVaultUnseal(options: Options): Promise<number> {
  const share = (await text(process.stdin)).trim();
  if (share === '') throw new CommandError('no share came on standard input', Exit.usage);
  let answer: Response;
  try {
    answer = await fetch(`${String(options['address']).replace(/\/$/, '')}/v1/sys/unseal`, {
      method: 'PUT',
      body: JSON.stringify({ key: share }),
    });
  } catch (error) {
    throw new CommandError(
      `the gate does not answer (${((error as Error).cause as Error | undefined)?.message ?? 'no connection'})`,
    );
  }
  const body = (await answer.json()) as {
    sealed?: boolean;
    progress?: number;
    t?: number;
    errors?: string[];
  };
  if (!answer.ok)
    throw new CommandError(body.errors?.[0] ?? `the gate answers ${answer.status}`, Exit.refused);
  if (options['json'] === true)
    printJson({ sealed: body.sealed, progress: body.progress, threshold: body.t });
  else print(body.sealed === true ? `${body.progress} of ${body.t} shares are there.` : 'The vault is open.');
  return Exit.ok;
}

export const runVaultToken = (options: Options): Promise<number> =>
  withVault(options, async ({ state: { vault } }) => {
    const policies = (options['policy'] as string[] | undefined) ?? ['root'];
    const tokens = new TokenStore(vault, systemClock);
    const ttlMs = (options['ttl'] as number | undefined) ?? 0;
    const { id, token } = await vault.transaction((session) =>
      tokens.issue(session, { policies, ttlMs, path: 'cli', displayName: 'cli' }),
    );
    const ends = token.expiresMs === null ? 'has no end' : `ends on ${moment(token.expiresMs)}`;
    if (options['json'] === true)
      printJson({ token: id, accessor: token.accessor, policies, expiresMs: token.expiresMs });
    else print(`Token (shown once, ${ends}, policies ${policies.join(', ')}):\n\n  ${id}`);
    return Exit.ok;
  });

export const runVaultReport = (options: Options): Promise<number> =>
  withVault(options, async ({ state: { vault } }) => {
    const service = new VaultService({
      barrier: vault,
      clock: systemClock,
      audit: () => {},
      unsealing: new Unsealing(vault, false),
      engines: new Map([['database', (made) => new DatabaseEngine(made)]]),
    });
    const keys = await vault.keyStatus();
    const accounts: Readonly<Record<string, unknown>>[] = [];
    for (const [path, mount] of Object.entries((await service.mounts.table()).engines)) {
      const engine = service.engine(mount.type);
      if (engine instanceof DatabaseEngine) accounts.push(...(await engine.report(mount, path)));
    }
    if (options['json'] === true) {
      printJson({ keys, accounts });
      return Exit.ok;
    }
    print(
      table(
        ['WHAT', 'ROTATED', 'NEXT', 'TIMES', 'PROBLEM'],
        [
          ...keys.map((key) => [
            `key ${key.name}`,
            moment(key.createdMs),
            '-',
            String(key.current - 1),
            key.older.length > 0 ? 'records under older versions' : '-',
          ]),
          ...accounts.map((account) => [
            String(account['name']),
            String(account['last_vault_rotation'] || '-'),
            String(account['next_rotation'] || '-'),
            String(account['rotations']),
            String(account['problem'] || '-'),
          ]),
        ],
      ),
    );
    return accounts.some((account) => account['problem'] !== '') ? Exit.failed : Exit.ok;
  });
