// Where a listener's certificates come from, as plain data of the configuration.

export type CertificateConfig = FileCertificateConfig | AcmeCertificateConfig;

export interface FileCertificateConfig {
  readonly kind: 'file';
  /** As the user wrote it, for logs and metrics. */
  readonly file: string;
  /** PEM texts. */
  readonly chain: string;
  readonly key: string;
}

export interface AcmeCertificateConfig {
  readonly kind: 'acme';
  /** Name of the account. */
  readonly account: string;
  /** Lower-case host names; never empty. */
  readonly names: readonly string[];
}

export type ChallengeKind = 'tls-alpn-01' | 'http-01';

export interface AcmeAccountConfig {
  readonly name: string;
  /** https URL of the directory. */
  readonly directory: string;
  readonly contact: readonly string[];
  /** Absolute path of the folder with account key and certificates. */
  readonly store: string;
  readonly challenge: ChallengeKind;
  readonly externalAccount: { readonly id: string; readonly key: string } | null;
  /** PEM authorities for the directory's own certificate; empty for the public ones. */
  readonly ca: string;
}
