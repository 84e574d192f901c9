// What ACME leaves on disk: one account key for each directory, and certificate and key of each order in one file, so
// that a crash can not part them. Files are for the gate's user alone (0600, folders 0700), written aside and renamed.
import { createHash, X509Certificate } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseCertificate } from '../../net/tls/index.ts';
import type { CertificateBundle } from './source.ts';

const KEY_BLOCK = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]+?-----END [A-Z ]*PRIVATE KEY-----\n?/;

export class AcmeStore {
  readonly #folder: string;

  /** `directory`: URL; two authorities never share an account or a certificate. */
  constructor(store: string, directory: string) {
    const { host } = new URL(directory);
    this.#folder = join(store, `${host.replace(/[^A-Za-z0-9.-]/g, '_')}-${digest(directory)}`);
  }

  get accountFile(): string {
    return join(this.#folder, 'account.pem');
  }

  fileOf(names: readonly string[]): string {
    return join(
      this.#folder,
      `${names[0]!.replace(/[^a-z0-9.-]/g, '_')}-${digest([...names].sort().join(' '))}.pem`,
    );
  }

  /** Account key, or null when there is none yet. Throws what the file system throws otherwise. */
  readAccountKey(): Promise<string | null> {
    return readOrNull(this.accountFile);
  }

  writeAccountKey(pem: string): Promise<void> {
    return writePrivately(this.accountFile, pem);
  }

  /** The certificate for `names`, or null when there is none that can be used. */
  async readCertificate(names: readonly string[]): Promise<CertificateBundle | null> {
    const text = await readOrNull(this.fileOf(names));
    const key = text === null ? null : KEY_BLOCK.exec(text);
    if (text === null || key === null) return null;
    try {
      const chain = text.replace(KEY_BLOCK, '').trimStart();
      new X509Certificate(chain);
      return { chain, key: key[0] };
    } catch {
      return null;
    }
  }

  writeCertificate(names: readonly string[], { chain, key }: CertificateBundle): Promise<void> {
    return writePrivately(this.fileOf(names), `${key.trimEnd()}\n${chain}`);
  }
}

/** Life of the certificate that the store holds for `names`, ms since the epoch; null when there is none. */
export async function storedLife(
  account: { readonly store: string; readonly directory: string },
  names: readonly string[],
): Promise<{ readonly notBeforeMs: number; readonly notAfterMs: number } | null> {
  const bundle = await new AcmeStore(account.store, account.directory).readCertificate(names);
  return bundle === null ? null : parseCertificate(new X509Certificate(bundle.chain).raw);
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 12);

async function readOrNull(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

async function writePrivately(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const aside = `${file}.new`;
  // A crash here leaves `.new` beside the old file, which the next write replaces.
  const handle = await open(aside, 'w', 0o600);
  try {
    await handle.chmod(0o600);
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(aside, file);
}
