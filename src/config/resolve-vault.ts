// `vault:` as the composition root and the stores need it.
import { resolve } from 'node:path';
import type { RootConfig } from '../vault/index.ts';
import type { ConfigDocument } from './document.ts';
import type { StateConfig, VaultConfig } from './gate-config.ts';
import { fail, type ResolveContext } from './resolve.ts';

type VaultDocument = NonNullable<ConfigDocument['vault']>;

export function resolveVault(document: ConfigDocument, context: ResolveContext): VaultConfig {
  const { vault, state } = document;
  if (vault !== undefined && state === undefined)
    fail(
      context,
      'config-state-missing',
      ['vault'],
      'The vault is kept in the state, and there is none.',
      'Add "state: { sqlite: ./state.db }".',
    );
  if (
    vault?.root?.shares === true &&
    (Object.keys(document.identity.logins).length > 0 || document.identity.forward !== undefined)
  )
    fail(
      context,
      'config-value',
      ['vault', 'root', 'shares'],
      'With shares the vault is sealed when the gate starts, and identity.forward and logins need keys from it.',
      'Use a key file, a passphrase or a key service.',
    );
  return {
    rotateMs: vault?.rotate ?? 7_776_000_000,
    isConfigured: vault !== undefined,
    references: [...context.secrets].flatMap(([name, found]) =>
      found.kind === 'value' ? [{ name, version: found.version }] : [],
    ),
  };
}

export function resolveStateConfig(
  entry: NonNullable<ConfigDocument['state']>,
  vault: VaultDocument | undefined,
  folder: string,
): StateConfig {
  const sealKey = entry.seal ?? null;
  const root = resolveRoot(vault, folder);
  return 'sqlite' in entry
    ? { kind: 'sqlite', file: resolve(folder, entry.sqlite), sealKey, root }
    : { kind: 'postgres', url: entry.postgres, schema: entry.schema, sealKey, root };
}

/** Null: the seal key of the state. */
function resolveRoot(vault: VaultDocument | undefined, folder: string): RootConfig | null {
  const root = vault?.root;
  if (root === undefined) return null;
  if (root['key-file'] !== undefined) return { kind: 'key-file', file: resolve(folder, root['key-file']) };
  if (root.passphrase !== undefined) return { kind: 'passphrase', passphrase: root.passphrase };
  if (root.shares !== undefined) return { kind: 'shares' };
  const aws = root['aws-kms'];
  if (aws !== undefined)
    return {
      kind: 'aws-kms',
      region: aws.region,
      keyId: aws.key,
      accessKeyId: aws['access-key-id'],
      secretAccessKey: aws['secret-access-key'],
      sessionToken: aws['session-token'] ?? '',
      endpoint: aws.endpoint ?? '',
    };
  const google = root['google-kms'];
  if (google !== undefined)
    return {
      kind: 'google-kms',
      key: google.key,
      credentials: google.credentials,
      endpoint: google.endpoint ?? '',
    };
  const azure = root['azure-key-vault'];
  if (azure !== undefined)
    return {
      kind: 'azure-key-vault',
      vault: azure.vault,
      key: azure.key,
      tenant: azure.tenant,
      clientId: azure['client-id'],
      clientSecret: azure['client-secret'],
      authority: azure.authority ?? '',
    };
  const { transit, pkcs11 } = root;
  if (transit !== undefined) return { kind: 'transit', ...transit, namespace: transit.namespace ?? '' };
  return pkcs11 === undefined ? null : { kind: 'pkcs11', ...pkcs11 };
}
