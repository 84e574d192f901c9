// X.509 of the internal authority: roots, issuing authorities, X509-SVIDs, requests and revocation lists. Everything has P-256
// keys, random serial numbers of 127 bits, and the names that the X509-SVID specification asks for and no others.
import { createPrivateKey, type KeyObject, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { toPem } from './pem.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
/** Clocks differ: a certificate is good this long before it was made, ms. */
const BACKDATE_MS = 60_000;
const SERIAL_BYTES = 16;
/** RFC 5280 section 5.2.3: lists are numbered upwards; by the moment they were made. */
const CRL_NUMBER = '2.5.29.20';

type CryptoKey = webcrypto.CryptoKey;

x509.cryptoProvider.set(webcrypto as unknown as Crypto);

export interface KeyPair {
  readonly publicKey: CryptoKey;
  /** PKCS #8 PEM. */
  readonly privatePem: string;
}

export interface Signer {
  /** PEM. */
  readonly certificate: string;
  readonly privatePem: string;
}

/** The key of a request can not be used; the message is for people. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
}

export async function createKeyPair(): Promise<KeyPair> {
  const pair = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', pair.privateKey);
  return { publicKey: pair.publicKey, privatePem: toPem('PRIVATE KEY', Buffer.from(pkcs8)) };
}

async function importPrivate(pem: string): Promise<CryptoKey> {
  const key: KeyObject = createPrivateKey(pem);
  const der = key.export({ format: 'der', type: 'pkcs8' });
  return webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
}

const serialNumber = (random: (bytes: number) => Buffer): string => {
  const bytes = random(SERIAL_BYTES);
  // RFC 5280 section 4.1.2.2: positive, and never shorter than it looks.
  bytes[0] = (bytes[0]! & 0x3f) | 0x40;
  return bytes.toString('hex');
};

export interface AuthorityTemplate {
  readonly trustDomain: string;
  /** Tells authorities of one domain apart, for people. */
  readonly id: string;
  readonly kind: 'root' | 'issuing';
  readonly nowMs: number;
  readonly lifeMs: number;
  readonly random: (bytes: number) => Buffer;
}

const authorityName = (template: Pick<AuthorityTemplate, 'trustDomain' | 'id' | 'kind'>): x509.JsonName => [
  { O: [template.trustDomain] },
  { CN: [`${template.kind === 'root' ? 'Root' : 'Issuing'} authority ${template.id}`] },
];

/** A root (self-signed) or an issuing authority signed by `signer`; PEM. */
export async function createAuthority(
  template: AuthorityTemplate,
  publicKey: CryptoKey,
  signer: Signer | { readonly selfKeyPem: string },
): Promise<string> {
  const { kind, nowMs, lifeMs, trustDomain } = template;
  const parent = 'certificate' in signer ? new x509.X509Certificate(signer.certificate) : null;
  const parentEndMs = parent?.notAfter.getTime() ?? Number.POSITIVE_INFINITY;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(template.random),
    subject: authorityName(template),
    issuer: parent === null ? authorityName(template) : parent.subjectName.toJSON(),
    notBefore: new Date(nowMs - BACKDATE_MS),
    // INVARIANT: nothing lives longer than what signed it.
    notAfter: new Date(Math.min(nowMs + lifeMs, parentEndMs)),
    signingAlgorithm: algorithm,
    publicKey,
    signingKey: await importPrivate('certificate' in signer ? signer.privatePem : signer.selfKeyPem),
    extensions: [
      new x509.BasicConstraintsExtension(true, kind === 'root' ? 1 : 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      new x509.SubjectAlternativeNameExtension([{ type: 'url', value: `spiffe://${trustDomain}` }]),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(parent?.publicKey ?? publicKey),
    ],
  });
  return `${certificate.toString('pem')}\n`;
}

export interface SvidTemplate {
  readonly spiffeId: string;
  readonly dnsNames: readonly string[];
  readonly nowMs: number;
  readonly lifeMs: number;
  readonly random: (bytes: number) => Buffer;
}

export interface IssuedCertificate {
  readonly pem: string;
  /** Lower-case hexadecimal. */
  readonly serial: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** An X509-SVID: one URI name, no authority, digitalSignature, for both ends of TLS (X509-SVID sections 4 and 5). */
export async function createSvid(
  template: SvidTemplate,
  publicKey: CryptoKey,
  signer: Signer,
): Promise<IssuedCertificate> {
  const parent = new x509.X509Certificate(signer.certificate);
  const notBefore = new Date(template.nowMs - BACKDATE_MS);
  const notAfter = new Date(Math.min(template.nowMs + template.lifeMs, parent.notAfter.getTime()));
  const serial = serialNumber(template.random);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial,
    subject: parent.subjectName.toJSON().filter((part) => 'O' in part),
    issuer: parent.subjectName.toJSON(),
    notBefore,
    notAfter,
    signingAlgorithm: algorithm,
    publicKey,
    signingKey: await importPrivate(signer.privatePem),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.serverAuth,
        x509.ExtendedKeyUsage.clientAuth,
      ]),
      new x509.SubjectAlternativeNameExtension([
        { type: 'url', value: template.spiffeId },
        ...template.dnsNames.map((value) => ({ type: 'dns' as const, value })),
      ]),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(parent.publicKey),
    ],
  });
  return {
    pem: `${certificate.toString('pem')}\n`,
    serial,
    notBeforeMs: Math.floor(notBefore.getTime() / 1000) * 1000,
    notAfterMs: Math.floor(notAfter.getTime() / 1000) * 1000,
  };
}

/** A PKCS #10 request for an issuing authority, to be carried to where the root's key is; PEM. */
export async function createAuthorityRequest(
  template: Pick<AuthorityTemplate, 'trustDomain' | 'id'>,
  keys: KeyPair,
): Promise<string> {
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: authorityName({ ...template, kind: 'issuing' }),
    keys: {
      publicKey: keys.publicKey,
      privateKey: await importPrivate(keys.privatePem),
    } as webcrypto.CryptoKeyPair,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.SubjectAlternativeNameExtension([{ type: 'url', value: `spiffe://${template.trustDomain}` }]),
    ],
  });
  return `${request.toString('pem')}\n`;
}

export interface ReadRequest {
  readonly publicKey: CryptoKey;
  readonly commonName: string;
}

/**
 * The key of a request, once its own signature shows that the sender has it. Nothing else of a request is believed: names
 * come from what was attested. P-256 only. Throws RequestError.
 */
export async function readRequest(pem: string): Promise<ReadRequest> {
  let request: x509.Pkcs10CertificateRequest;
  try {
    request = new x509.Pkcs10CertificateRequest(pem);
  } catch {
    throw new RequestError('the certificate request is not PKCS #10 in PEM');
  }
  const { namedCurve } = request.publicKey.algorithm as { namedCurve?: string };
  if (namedCurve !== 'P-256') throw new RequestError('the key of a certificate request must be P-256');
  if (!(await request.verify().catch(() => false)))
    throw new RequestError('the certificate request is not signed with its key');
  return {
    publicKey: await request.publicKey.export(),
    commonName: request.subjectName.getField('CN')[0] ?? '',
  };
}

/** A positive DER INTEGER. */
function derInteger(value: number): Buffer {
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? `00${hex}` : `0${hex}`, 'hex');
  return Buffer.from([0x02, bytes.length, ...bytes]);
}

/** A list of what `signer` has withdrawn; PEM (RFC 5280 section 5). */
export async function createRevocationList(
  signer: Signer,
  entries: readonly { readonly serial: string; readonly revokedMs: number }[],
  nowMs: number,
  lifeMs: number,
): Promise<string> {
  const parent = new x509.X509Certificate(signer.certificate);
  const list = await x509.X509CrlGenerator.create({
    issuer: parent.subjectName.toJSON(),
    thisUpdate: new Date(nowMs - BACKDATE_MS),
    nextUpdate: new Date(nowMs + lifeMs),
    signingAlgorithm: algorithm,
    signingKey: await importPrivate(signer.privatePem),
    entries: entries.map(({ serial, revokedMs }) => ({
      serialNumber: serial,
      revocationDate: new Date(revokedMs),
    })),
    extensions: [
      await x509.AuthorityKeyIdentifierExtension.create(parent.publicKey),
      new x509.Extension(CRL_NUMBER, false, derInteger(nowMs)),
    ],
  });
  return toPem('X509 CRL', new Uint8Array(list.rawData));
}
