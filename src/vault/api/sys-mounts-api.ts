// sys/mounts and sys/auth: what is served where.
import { VaultError } from '../contract.ts';
import { engineTypes, findMount, keyOfMount, type Mount } from '../mounts.ts';
import { type Json, noContent, notFound, type VaultCall, type VaultReply } from './contract.ts';
import { readObject, readText } from './read-body.ts';
import type { VaultService } from './service.ts';

function describe(mount: Mount): Json {
  return {
    type: mount.type,
    accessor: `${mount.type}_${mount.id.slice(0, 8)}`,
    uuid: mount.id,
    description: mount.description,
    config: { default_lease_ttl: 0, max_lease_ttl: 0, force_no_cache: false },
    options: mount.type === 'kv' ? { version: '2' } : null,
    local: false,
    seal_wrap: false,
    external_entropy_access: false,
  };
}

export async function handleMounts(
  call: VaultCall,
  service: VaultService,
  head: string,
  rest: readonly string[],
): Promise<VaultReply> {
  if (head === 'remount') throw new VaultError('unsupported', 'mounts can not be moved: mount anew and copy');
  if (head === 'internal') return internal(call, service, rest);
  const where = head === 'auth' ? 'auths' : 'engines';
  const table = await service.mounts.table();
  if (rest.length === 0 || rest[0] === '') {
    if (call.operation !== 'read') return notFound;
    const all = Object.fromEntries(
      Object.entries(table[where]).map(([path, mount]) => [path, describe(mount)]),
    );
    return { status: 200, data: all, raw: all };
  }
  const isTune = rest.at(-1) === 'tune';
  const path = (isTune ? rest.slice(0, -1) : rest).join('/');
  const found = table[where][`${path}/`];
  if (isTune) {
    if (found === undefined) return notFound;
    // Times of leases are set where they are made.
    return call.operation === 'read'
      ? { status: 200, data: { ...(describe(found)['config'] as Json), description: found.description } }
      : noContent;
  }
  switch (call.operation) {
    case 'read':
      return found === undefined ? notFound : { status: 200, data: describe(found) };
    case 'update':
      return mount(call, service, where, path);
    case 'delete': {
      const gone = await service.mounts.unmount(where, path);
      if (gone !== null) await destroy(service, gone, `${path}/`);
      return noContent;
    }
    default:
      return notFound;
  }
}

async function mount(
  { body }: VaultCall,
  service: VaultService,
  where: 'engines' | 'auths',
  path: string,
): Promise<VaultReply> {
  const asked = readText(body, 'type');
  const options = readObject(body, 'options') ?? {};
  const type = asked === 'kv-v2' || asked === 'generic' ? 'kv' : asked;
  // A client that wants version 1 would read answers of version 2 wrongly.
  if (type === 'kv' && asked !== 'kv-v2' && String(options['version'] ?? '') !== '2')
    throw new VaultError('unsupported', 'only version 2 of kv is supported: set options.version to "2"');
  if (where === 'auths') {
    if (type !== 'approle') throw new VaultError('unsupported', `there is no way to log in by ${type}`);
    await service.mounts.mount(where, path, type, readText(body, 'description', ''));
    return noContent;
  }
  const engine = engineTypes.find((known) => known === type);
  const isThere =
    engine === 'kv' || engine === 'transit' || (engine !== undefined && service.engine(engine) !== null);
  if (engine === undefined || !isThere)
    throw new VaultError('unsupported', `there is no engine of type ${type}`);
  await service.mounts.mount(where, path, engine, readText(body, 'description', ''));
  return noContent;
}

/** Everything that a mount kept is gone for good, its leases first. */
async function destroy(service: VaultService, mount: Mount, path: string): Promise<void> {
  for (const lease of await service.leases.list(path.slice(0, -1))) await service.leases.revoke(lease);
  const key = keyOfMount(mount);
  if (key !== null) await service.barrier.shred(key);
  await service.engine(mount.type)?.clear(mount);
  if (mount.type === 'approle') {
    const prefix = `approle/${mount.id}/`;
    await service.barrier.transaction(async (session) => {
      for (const place of await session.list(prefix)) await session.remove(place);
    });
  }
}

/** What command lines ask to learn which version of kv a path has. */
async function internal(
  call: VaultCall,
  service: VaultService,
  rest: readonly string[],
): Promise<VaultReply> {
  if (rest[0] !== 'ui' || rest[1] !== 'mounts' || call.operation !== 'read') return notFound;
  const { engines, auths } = await service.mounts.table();
  const path = rest.slice(2).join('/').replace(/\/$/, '');
  if (path === '') {
    const all = (mounts: Readonly<Record<string, Mount>>): Json =>
      Object.fromEntries(Object.entries(mounts).map(([name, mount]) => [name, describe(mount)]));
    return { status: 200, data: { secret: all(engines), auth: all(auths) } };
  }
  const found = findMount(engines, path);
  // Nothing about a mount for who may use nothing of it.
  if (found === null)
    throw new VaultError(
      'denied',
      "preflight capability check returned 403, please ensure client's policies grant access to path",
    );
  return { status: 200, data: { ...describe(found.mount), path: found.path } };
}
