// What can wrap the vault's root key, as the configuration names it, and the adapter for each. Adapters of services are
// loaded when one is named.
import { type RootWrap, VaultError } from '../contract.ts';
import { keyFileRoot, passphraseRoot } from './local.ts';

export interface AwsKmsConfig {
  readonly kind: 'aws-kms';
  readonly region: string;
  /** Id, ARN or alias of a symmetric key. */
  readonly keyId: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of temporary credentials; empty without. */
  readonly sessionToken: string;
  /** Instead of the region's own; empty for that. */
  readonly endpoint: string;
}

export interface GoogleKmsConfig {
  readonly kind: 'google-kms';
  /** `projects/…/locations/…/keyRings/…/cryptoKeys/…`. */
  readonly key: string;
  /** JSON of a service account's key. */
  readonly credentials: string;
  readonly endpoint: string;
}

export interface AzureKeyVaultConfig {
  readonly kind: 'azure-key-vault';
  /** URL of the vault. */
  readonly vault: string;
  /** Name of an RSA key. */
  readonly key: string;
  readonly tenant: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Authority that gives tokens out; empty for Microsoft's. */
  readonly authority: string;
}

export interface TransitConfig {
  readonly kind: 'transit';
  /** URL of a HashiCorp Vault or OpenBao. */
  readonly address: string;
  readonly token: string;
  readonly mount: string;
  readonly key: string;
  readonly namespace: string;
}

export interface Pkcs11Config {
  readonly kind: 'pkcs11';
  /** Shared library of the module. */
  readonly module: string;
  readonly token: string;
  /** Label of an RSA key pair. */
  readonly key: string;
  readonly pin: string;
}

export type KmsConfig = AwsKmsConfig | GoogleKmsConfig | AzureKeyVaultConfig | TransitConfig | Pkcs11Config;

export type RootConfig =
  | { readonly kind: 'key-file'; readonly file: string }
  | { readonly kind: 'passphrase'; readonly passphrase: string }
  /** Keepers unseal after each start. */
  | { readonly kind: 'shares' }
  | KmsConfig;

/** Rejects with VaultError for shares, which no machine can give. */
export async function createRoot(config: RootConfig): Promise<RootWrap> {
  switch (config.kind) {
    case 'key-file':
      return keyFileRoot(config.file);
    case 'passphrase':
      return passphraseRoot(config.passphrase);
    case 'shares':
      throw new VaultError('sealed', 'the keepers of the shares have to unseal the vault');
    case 'aws-kms':
      return (await import('./aws-kms.ts')).awsKmsRoot(config);
    case 'google-kms':
      return (await import('./google-kms.ts')).googleKmsRoot(config);
    case 'azure-key-vault':
      return (await import('./azure-key-vault.ts')).azureKeyVaultRoot(config);
    case 'transit':
      return (await import('./transit-root.ts')).transitRoot(config);
    case 'pkcs11':
      return (await import('./pkcs11.ts')).pkcs11Root(config);
  }
}
