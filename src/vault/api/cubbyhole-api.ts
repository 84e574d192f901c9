// cubbyhole: a few secrets of a token's own, which end with it.
import { SYSTEM } from '../access/tokens.ts';
import type { Barrier } from '../barrier.ts';
import { VaultError } from '../contract.ts';
import { checkPath } from '../secrets/kv.ts';
import { type Json, listReply, noContent, notFound, type VaultCall, type VaultReply } from './contract.ts';

const MAX_BYTES = 65_536;

export async function handleCubbyhole(call: VaultCall, barrier: Barrier): Promise<VaultReply> {
  const base = `cubbyhole/${call.hash}/`;
  if (call.operation === 'list') {
    const prefix = call.rest === '' ? base : `${base}${checkPath(call.rest)}/`;
    const names = (await barrier.list(prefix)).map((place) => {
      const [head, ...more] = place.slice(prefix.length).split('/');
      return more.length === 0 ? head! : `${head}/`;
    });
    return listReply([...new Set(names)]);
  }
  const place = `${base}${checkPath(call.rest)}`;
  switch (call.operation) {
    case 'read': {
      const data = await barrier.read<Json>(place);
      return data === null ? notFound : { status: 200, data };
    }
    case 'update':
      if (Buffer.byteLength(JSON.stringify(call.body)) > MAX_BYTES)
        throw new VaultError('invalid', 'this is too much for a cubbyhole');
      await barrier.transaction((session) => session.put(place, SYSTEM, call.body));
      return noContent;
    case 'delete':
      await barrier.transaction((session) => session.remove(place));
      return noContent;
    default:
      throw new VaultError('unsupported', 'unsupported operation');
  }
}
