// Secrets of a HashiCorp Vault or OpenBao (KV version 2), folder by folder.

import { VaultError } from '../contract.ts';
import { askService } from '../roots/ask-service.ts';
import type { KvData } from '../secrets/kv.ts';
import type { FoundSecret } from './formats.ts';

export interface VaultSource {
  readonly address: string;
  readonly token: string;
  readonly mount: string;
  /** Empty for all. */
  readonly folder: string;
}

const service = 'the vault that is imported from';
const MAX_SECRETS = 100_000;
const MAX_DEPTH = 32;

export async function fromVault({
  address,
  token,
  mount,
  folder,
}: VaultSource): Promise<readonly FoundSecret[]> {
  if (!URL.canParse(address) || token === '')
    throw new VaultError('invalid', 'an address is needed, and a token in VAULT_TOKEN');
  const base = `${address.replace(/\/$/, '')}/v1/${mount}`;
  const headers = { 'x-vault-token': token, 'x-vault-request': 'true' };
  const encode = (path: string): string => path.split('/').map(encodeURIComponent).join('/');
  const ask = async (url: string): Promise<Readonly<Record<string, unknown>>> => {
    const answer = await askService({ service, url, method: 'GET', headers, body: '' });
    return (answer['data'] ?? {}) as Record<string, unknown>;
  };
  const out: FoundSecret[] = [];
  const walk = async (at: string, depth: number): Promise<void> => {
    if (depth > MAX_DEPTH) throw new VaultError('upstream', `${service} has folders in folders without end`);
    const { keys } = await ask(`${base}/metadata/${encode(at)}?list=true`);
    for (const key of Array.isArray(keys) ? keys.map(String) : []) {
      const path = at === '' ? key : `${at}/${key}`;
      if (key.endsWith('/')) await walk(path.slice(0, -1), depth + 1);
      else {
        if (out.length >= MAX_SECRETS)
          throw new VaultError('upstream', `${service} has more than ${MAX_SECRETS} secrets`);
        const { data } = await ask(`${base}/data/${encode(path)}`).catch((error: unknown) => {
          // Deleted, and still listed.
          if (error instanceof VaultError && /answers 404/.test(error.message)) return { data: null };
          throw error;
        });
        if (data !== null && data !== undefined) {
          const below = folder === '' ? path : path.slice(folder.length + 1);
          out.push({ path: below, data: data as KvData });
        }
      }
    }
  };
  await walk(folder, 0);
  return out;
}
