// Address lists, and which of them an API goes by.
import { createPublicKey } from 'node:crypto';
import { resolve } from 'node:path';
import type { AddressListConfig } from '../admission/contract.ts';
import type { ConfigDocument } from './document.ts';
import { fail, failDangling, type ResolveContext } from './resolve.ts';

export function resolveAddressLists(document: ConfigDocument, context: ResolveContext): AddressListConfig[] {
  return Object.entries(document['address-lists']).map(([name, entry]): AddressListConfig => {
    if ('feed' in entry) {
      const feeds = Object.keys(document.intel?.feeds ?? {});
      if (!feeds.includes(entry.feed))
        failDangling(context, ['address-lists', name, 'feed'], 'feed', entry.feed, feeds);
      const source = { kind: 'feed', feed: entry.feed } as const;
      return { name, source, sha256: '', publicKey: '', signature: '', isRequired: false };
    }
    const publicKey = entry['public-key'] ?? '';
    if (publicKey !== '' && !isEd25519(publicKey))
      fail(
        context,
        'config-value',
        ['address-lists', name, 'public-key'],
        `The key of the list "${name}" is not one of Ed25519.`,
        'Make one with: openssl genpkey -algorithm ed25519 | openssl pkey -pubout.',
      );
    const signature = entry.signature ?? '';
    const isPlace = signature === '' || /^https?:/.test(signature);
    return {
      name,
      source:
        'file' in entry
          ? { kind: 'file', file: resolve(context.folder, entry.file) }
          : {
              kind: 'url',
              url: entry.url,
              reach: entry.reach,
              refreshMs: entry.refresh,
              cache: entry.cache === undefined ? '' : resolve(context.folder, entry.cache),
            },
      sha256: entry.sha256 ?? '',
      publicKey,
      signature: isPlace ? signature : resolve(context.folder, signature),
      isRequired: entry.required,
    };
  });
}

function isEd25519(pem: string): boolean {
  try {
    return createPublicKey(pem).asymmetricKeyType === 'ed25519';
  } catch {
    return false;
  }
}

/** Reports lists that an API goes by and that there are not. */
export function checkListNames(api: string, document: ConfigDocument, context: ResolveContext): void {
  const known = Object.keys(document['address-lists']);
  for (const key of ['allow-lists', 'deny-lists'] as const)
    document.apis[api]?.addresses[key].forEach((name, index) => {
      if (!known.includes(name))
        failDangling(context, ['apis', api, 'addresses', key, index], 'address list', name, known);
    });
}
