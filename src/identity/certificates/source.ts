// A source of one server certificate. Files are read with the configuration, ACME brings its own in its own time; a
// vault may come. The rest of the gate sees only this.
import type { FileCertificateConfig } from './contract.ts';

/** PEM texts; the chain begins with the server's own certificate. */
export interface CertificateBundle {
  readonly chain: string;
  readonly key: string;
}

export interface CertificateSource {
  /** For people: a file, or the names of an order. */
  readonly label: string;
  readonly kind: 'file' | 'acme';
  /** Null while there is none. A source never goes back to null. */
  readonly current: CertificateBundle | null;
  /** Gets what can be had without help of clients. Never rejects. */
  start(): Promise<void>;
  /** The gate serves from now on, so that challenges can be answered. */
  serve(): void;
  stop(): void;
}

/** Certificate and key as the configuration read them; a change of the files is a reload. */
export class FileSource implements CertificateSource {
  readonly label: string;
  readonly kind = 'file';
  readonly current: CertificateBundle;

  constructor({ file, chain, key }: FileCertificateConfig) {
    this.label = file;
    this.current = { chain, key };
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  serve(): void {}

  stop(): void {}
}
