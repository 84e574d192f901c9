// Files with certificates, keys and revocation lists, read and checked while the configuration loads: what does not fit
// together, has ended or ends soon is said here and not by a handshake that fails.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import {
  parseCertificate,
  parseRevocationList,
  pemCertificates,
  type TrustAnchors,
} from '../net/tls/index.ts';
import { fail, type ResolveContext } from './resolve.ts';
import type { Path } from './yaml-source.ts';

const DAY_MS = 86_400_000;
/** Certificates that end within this time are warned of … */
const EXPIRY_WARNING_MS = 30 * DAY_MS;
/** … unless they live so short that the last third of their life is less. */
const EXPIRY_WARNING_SHARE = 1 / 3;

/** Text of a file, or null after a diagnostic; the file is watched from now on. */
export function readNamedFile(
  name: string,
  what: string,
  path: Path,
  context: ResolveContext,
): string | null {
  const file = resolve(context.folder, name);
  try {
    const text = readFileSync(file, 'utf8');
    context.files.push(file);
    return text;
  } catch (error) {
    fail(
      context,
      'config-file-unreadable',
      path,
      `The ${what} ${name} can not be read (${(error as NodeJS.ErrnoException).code}).`,
      'Paths are relative to the configuration file.',
    );
    return null;
  }
}

/** Whether chain and key can be used; everything wrong is reported. */
export function checkCertificate(chain: string, key: string, path: Path, context: ResolveContext): boolean {
  try {
    const leaf = new X509Certificate(chain);
    reportExpiry(leaf, path, context);
    createPrivateKey(key);
    if (!leaf.checkPrivateKey(createPrivateKey(key))) throw new Error('key');
    createSecureContext({ cert: chain, key });
  } catch {
    fail(
      context,
      'config-certificate',
      path,
      'Certificate and key can not be used together.',
      'Both must be PEM, and the key must belong to the first certificate.',
    );
    return false;
  }
  return true;
}

function reportExpiry(leaf: X509Certificate, path: Path, context: ResolveContext): void {
  const { notBeforeMs, notAfterMs } = parseCertificate(leaf.raw);
  const leftMs = notAfterMs - Date.now();
  const warnMs = Math.min(EXPIRY_WARNING_MS, (notAfterMs - notBeforeMs) * EXPIRY_WARNING_SHARE);
  const ends = new Date(notAfterMs).toISOString();
  if (leftMs <= 0)
    fail(context, 'config-certificate-expired', path, `The certificate ended on ${ends}.`, 'Renew it.');
  else if (leftMs < warnMs)
    context.diagnostics.warning(
      'config-certificate-expires',
      context.source.place(path),
      `The certificate ends on ${ends}.`,
      'Renew it.',
    );
}

/** Authorities of one trust file, or null after a diagnostic. */
export function readAnchors(
  name: string,
  trustDomain: string,
  path: Path,
  context: ResolveContext,
): TrustAnchors | null {
  const pem = readNamedFile(name, 'trust file', path, context);
  if (pem === null) return null;
  let certificates: Buffer[] = [];
  try {
    certificates = pemCertificates(pem);
    const strangers = certificates.filter((der) => !parseCertificate(der).isCa).length;
    if (certificates.length > 0 && strangers === 0) return { pem, trustDomain };
  } catch {
    certificates = [];
  }
  fail(
    context,
    'config-trust',
    path,
    certificates.length === 0
      ? `${name} holds no certificate.`
      : `${name} holds a certificate that is no authority's.`,
    'A trust file has PEM certificates of authorities (CA:TRUE) and nothing else.',
  );
  return null;
}

/** Revocation lists for `anchors`; each authority needs one, or all its certificates would be refused. */
export function readRevocations(
  names: readonly string[],
  anchors: readonly TrustAnchors[],
  path: Path,
  context: ResolveContext,
): string[] {
  const lists: string[] = [];
  const issuers: Buffer[] = [];
  names.forEach((name, index) => {
    const place = [...path, index];
    const pem = readNamedFile(name, 'revocation list', place, context);
    if (pem === null) return;
    try {
      const found = parseRevocationList(pem);
      if (found.length === 0) throw new Error('none');
      createSecureContext({ crl: pem });
      for (const { issuer, nextUpdateMs } of found) {
        issuers.push(issuer);
        if (nextUpdateMs !== null && nextUpdateMs <= Date.now()) {
          context.diagnostics.warning(
            'config-crl-expired',
            context.source.place(place),
            `The revocation list ${name} ended on ${new Date(nextUpdateMs).toISOString()}.`,
            'Until a newer one is here all certificates of its authority are refused.',
          );
        }
      }
      lists.push(pem);
    } catch {
      fail(context, 'config-crl', place, `${name} holds no revocation list.`, 'Lists are PEM (X509 CRL).');
    }
  });
  if (lists.length === 0) return lists;
  for (const { pem } of anchors) {
    for (const der of pemCertificates(pem)) {
      const { subject } = parseCertificate(der);
      if (issuers.some((issuer) => issuer.equals(subject))) continue;
      const text = new X509Certificate(der).subject.replace(/\n/g, ', ');
      fail(
        context,
        'config-crl',
        path,
        `There is no revocation list of the authority "${text}".`,
        'With lists every authority needs one; without a list its certificates would all be refused.',
      );
    }
  }
  return lists;
}
