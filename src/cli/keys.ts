// `gatewright keys`: keys are made and hashed here, never sent anywhere. `create` is for keys in the configuration file,
// the other commands for those in the state.
import { text } from 'node:stream/consumers';
import { createApiKey, hashApiKey } from '../credentials/index.ts';
import type { ApiKeyView, CreatedKey } from '../identity/index.ts';
import { CommandError, Exit, print, printJson } from './output.ts';
import { moment, table, withState } from './state.ts';

type Options = Readonly<Record<string, unknown>>;

export async function runKeysCreate(options: Options, id: string): Promise<number> {
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

export async function runKeysHash(options: Options): Promise<number> {
  const key = (await text(process.stdin)).trim();
  if (key === '') throw new CommandError('no key came on standard input', Exit.usage);
  const sha256 = hashApiKey(key);
  if (options['json'] === true) printJson({ sha256 });
  else print(sha256);
  return Exit.ok;
}

export const runKeysIssue = (options: Options, principal: string): Promise<number> =>
  withState(options, async ({ registry }) => {
    const scopes = options['scope'] as string[] | undefined;
    const lifetimeMs = options['expires'] as number | undefined;
    const id = options['id'] as string | undefined;
    const created = await registry.createKey(principal, {
      addresses: (options['address'] as string[] | undefined) ?? [],
      ...(scopes === undefined ? {} : { scopes }),
      ...(lifetimeMs === undefined ? {} : { lifetimeMs }),
      ...(id === undefined ? {} : { id }),
    });
    printCreated(options, created, '');
    return Exit.ok;
  });

export const runKeysRotate = (options: Options, id: string): Promise<number> =>
  withState(options, async ({ registry }) => {
    const overlapMs = options['overlap'] as number;
    const created = await registry.rotateKey(id, overlapMs, options['expires'] as number | undefined);
    const ends = moment(created.record.createdMs + overlapMs);
    printCreated(options, created, `\n${id} stays good until ${ends} at the latest.`);
    return Exit.ok;
  });

export const runKeysRevoke = (options: Options, id: string): Promise<number> =>
  withState(options, async ({ registry }) => {
    await registry.revokeKey(id);
    if (options['json'] === true) printJson({ id, revoked: true });
    else print(`${id} is revoked: every gate on this state refuses it within a second.`);
    return Exit.ok;
  });

export const runKeysList = (options: Options): Promise<number> =>
  withState(options, async ({ registry }) => {
    const keys = await registry.keys((options['owner'] as string | undefined) ?? '');
    if (options['json'] === true) {
      // The hash is no secret, but nobody needs it either.
      printJson(
        keys.map(({ sha256: _sha256, ...view }) => ({ ...view, status: statusOf(view, Date.now()) })),
      );
      return Exit.ok;
    }
    print(
      table(
        ['ID', 'OWNER', 'STATUS', 'SCOPES', 'ADDRESSES', 'CREATED', 'EXPIRES', 'LAST USED'],
        keys.map((key) => [
          key.id,
          key.principal,
          statusOf(key, Date.now()),
          key.scopes === null ? '(of owner)' : key.scopes.join(' ') || '-',
          key.addresses.join(' ') || 'any',
          moment(key.createdMs),
          moment(key.expiresMs),
          moment(key.lastUsedMs),
        ]),
      ),
    );
    return Exit.ok;
  });

function printCreated(options: Options, { key, record }: CreatedKey, more: string): void {
  const { sha256: _sha256, ...rest } = record;
  if (options['json'] === true) printJson({ ...rest, key });
  else
    print(
      `Key ${record.id} of ${record.principal} (shown once):\n\n  ${key}${more === '' ? '' : `\n${more}`}`,
    );
}

export function statusOf(
  key: Pick<ApiKeyView, 'revokedMs' | 'expiresMs'>,
  nowMs: number,
): 'revoked' | 'expired' | 'active' {
  if (key.revokedMs !== null) return 'revoked';
  return key.expiresMs !== null && key.expiresMs <= nowMs ? 'expired' : 'active';
}
