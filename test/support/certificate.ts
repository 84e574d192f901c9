// A self-signed certificate for 127.0.0.1 and localhost, made by openssl for one test run.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** PEM texts, or null where openssl is missing. */
export function createCertificate(): { readonly certificate: string; readonly key: string } | null {
  const folder = mkdtempSync(join(tmpdir(), 'gatewright-cert-'));
  const [keyFile, certificateFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const options = '-x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost';
  const names = ['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  try {
    execFileSync(
      'openssl',
      ['req', ...options.split(' '), ...names, '-keyout', keyFile, '-out', certificateFile],
      { stdio: 'ignore' },
    );
    return { certificate: readFileSync(certificateFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
  } catch {
    return null;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
