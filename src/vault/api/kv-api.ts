// KV version 2 over HTTP: data, metadata, delete, undelete, destroy, subkeys, config.
import { parseTtl } from '../access/tokens.ts';
import { VaultError } from '../contract.ts';
import type { Mounts } from '../mounts.ts';
import { isDeleted, type KvMeta, type KvMount, type KvRead, type KvVersion } from '../secrets/kv.ts';
import {
  type Json,
  listReply,
  noContent,
  notFound,
  timeText,
  type VaultCall,
  type VaultReply,
} from './contract.ts';
import { readBoolean, readCount, readCounts, readObject, readTextMap } from './read-body.ts';

const durationText = (ms: number): string => (ms === 0 ? '0s' : `${ms / 1000}s`);

/** Whether a write makes something new, which `create` allows without `update`. */
export async function kvExists(kv: KvMount, rest: string): Promise<boolean> {
  const [kind, ...parts] = rest.split('/');
  if ((kind !== 'data' && kind !== 'metadata') || parts.length === 0 || parts[0] === '') return true;
  const meta = await kv.meta(parts.join('/'));
  return kind === 'data' ? (meta?.current ?? 0) > 0 : meta !== null;
}

export async function handleKv(call: VaultCall, kv: KvMount, mounts: Mounts): Promise<VaultReply> {
  const slash = call.rest.indexOf('/');
  const kind = slash === -1 ? call.rest : call.rest.slice(0, slash);
  const path = slash === -1 ? '' : call.rest.slice(slash + 1);
  if (kind === 'config') return config(call, kv, mounts);
  if (kind === 'metadata' && (path === '' || call.operation === 'list'))
    return call.operation === 'list' ? listReply(await kv.list(path === '' ? '' : `${path}/`)) : notFound;
  if (path === '') return notFound;
  switch (kind) {
    case 'data':
      return data(call, kv, path);
    case 'metadata':
      return metadata(call, kv, path);
    case 'subkeys':
      return subkeys(call, kv, path);
    case 'delete':
      return changed(await versions(call, (list) => kv.remove(path, list)));
    case 'undelete':
      return changed(await versions(call, (list) => kv.undelete(path, list)));
    case 'destroy':
      return changed(await versions(call, (list) => kv.destroy(path, list)));
    default:
      return notFound;
  }
}

const changed = (_there: boolean): VaultReply => noContent;

function versions(call: VaultCall, change: (list: readonly number[]) => Promise<boolean>): Promise<boolean> {
  if (call.operation !== 'update') throw new VaultError('unsupported', 'unsupported operation');
  const list = readCounts(call.body, 'versions');
  if (list.length === 0) throw new VaultError('invalid', 'no version number provided');
  return change(list);
}

async function data(call: VaultCall, kv: KvMount, path: string): Promise<VaultReply> {
  switch (call.operation) {
    case 'read': {
      const read = await kv.read(path, readCount({ version: call.query.get('version') }, 'version', 0));
      if (read === null) return notFound;
      const body = { data: read.data, metadata: versionText(read.meta, read.version) };
      return read.data === null ? { status: 404, data: body } : { status: 200, data: body };
    }
    case 'update':
    case 'patch': {
      const given = readObject(call.body, 'data');
      if (given === null) throw new VaultError('invalid', 'no data provided');
      const options = readObject(call.body, 'options') ?? {};
      const cas = Object.hasOwn(options, 'cas') ? readCount(options, 'cas', 0) : undefined;
      const reads = readCount(options, 'reads', 0);
      const wanted = { ...(cas === undefined ? {} : { cas }), ...(reads === 0 ? {} : { reads }) };
      const written: KvRead | null =
        call.operation === 'update'
          ? await kv.write(path, given, wanted)
          : await kv.patch(path, given, wanted);
      return written === null ? notFound : { status: 200, data: versionText(written.meta, written.version) };
    }
    case 'delete':
      await kv.remove(path);
      return noContent;
    case 'list':
      return notFound;
  }
}

function versionText(meta: KvMeta, version: number): Json {
  const entry = meta.versions[version]!;
  return { version, ...entryText(entry), custom_metadata: meta.custom };
}

const entryText = (entry: KvVersion): Json => ({
  created_time: timeText(entry.createdMs),
  deletion_time: timeText(entry.deletedMs),
  destroyed: entry.destroyed,
});

async function metadata(call: VaultCall, kv: KvMount, path: string): Promise<VaultReply> {
  switch (call.operation) {
    case 'read': {
      const meta = await kv.meta(path);
      if (meta === null) return notFound;
      return {
        status: 200,
        data: {
          cas_required: meta.casRequired,
          created_time: timeText(meta.createdMs),
          current_version: meta.current,
          custom_metadata: meta.custom,
          delete_version_after: durationText(meta.deleteAfterMs),
          max_versions: meta.maxVersions,
          oldest_version: meta.oldest,
          updated_time: timeText(meta.updatedMs),
          versions: Object.fromEntries(
            Object.entries(meta.versions).map(([number, entry]) => [number, entryText(entry)]),
          ),
        },
      };
    }
    case 'update':
    case 'patch': {
      if (call.operation === 'patch' && (await kv.meta(path)) === null) return notFound;
      const { body } = call;
      const custom = readTextMap(body, 'custom_metadata');
      await kv.setMeta(path, {
        ...(Object.hasOwn(body, 'max_versions') ? { maxVersions: readCount(body, 'max_versions', 0) } : {}),
        ...(Object.hasOwn(body, 'cas_required')
          ? { casRequired: readBoolean(body, 'cas_required', false) }
          : {}),
        ...(Object.hasOwn(body, 'delete_version_after')
          ? { deleteAfterMs: parseTtl(body['delete_version_after'], 'delete_version_after') }
          : {}),
        ...(custom === null ? {} : { custom }),
      });
      return noContent;
    }
    case 'delete':
      await kv.removeAll(path);
      return noContent;
    case 'list':
      return notFound;
  }
}

/** The names in a secret without its values. */
async function subkeys(call: VaultCall, kv: KvMount, path: string): Promise<VaultReply> {
  if (call.operation !== 'read') throw new VaultError('unsupported', 'unsupported operation');
  const meta = await kv.meta(path);
  // Looking at names is no read of the secret where reads are counted.
  const entry = meta?.versions[meta.current];
  if (meta === null || entry === undefined || entry.destroyed || isDeleted(entry, Date.now()))
    return notFound;
  if (entry.readsLeft !== null) throw new VaultError('invalid', 'the reads of this secret are counted');
  const read = await kv.read(path);
  if (read?.data == null) return notFound;
  const depth = readCount({ depth: call.query.get('depth') }, 'depth', 0);
  return {
    status: 200,
    data: {
      subkeys: namesOf(read.data, depth === 0 ? 100 : depth),
      metadata: versionText(read.meta, read.version),
    },
  };
}

function namesOf(value: unknown, depth: number): unknown {
  if (depth === 0 || typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  return Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, namesOf(entry, depth - 1)]));
}

async function config(call: VaultCall, _kv: KvMount, mounts: Mounts): Promise<VaultReply> {
  if (call.operation === 'read') {
    const { kv } = (await mounts.table()).engines[call.mount]!;
    return {
      status: 200,
      data: {
        max_versions: kv.maxVersions,
        cas_required: kv.casRequired,
        delete_version_after: durationText(kv.deleteAfterMs),
      },
    };
  }
  if (call.operation !== 'update') throw new VaultError('unsupported', 'unsupported operation');
  const { body } = call;
  await mounts.tuneKv(call.mount, {
    ...(Object.hasOwn(body, 'max_versions') ? { maxVersions: readCount(body, 'max_versions', 0) } : {}),
    ...(Object.hasOwn(body, 'cas_required') ? { casRequired: readBoolean(body, 'cas_required', false) } : {}),
    ...(Object.hasOwn(body, 'delete_version_after')
      ? { deleteAfterMs: parseTtl(body['delete_version_after'], 'delete_version_after') }
      : {}),
  });
  return noContent;
}
