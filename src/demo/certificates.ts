// Certificates of the demo, made at every start: one authority for the gate, another for the services that call it, as
// the two must never vouch for each other.
import type { webcrypto } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 365;
const LEAF_DAYS = 90;

export const TRUST_DOMAIN = 'fjordbank.example';
/** The service that may look into the ledger. */
export const SETTLEMENT_ID = `spiffe://${TRUST_DOMAIN}/settlement`;

interface Made {
  readonly certificate: x509.X509Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
}

const newKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);

const validity = (days: number) => ({
  notBefore: new Date(Date.now() - 3_600_000),
  notAfter: new Date(Date.now() + days * DAY_MS),
});

/** Positive, 16 random bytes. */
function serialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = (bytes[0]! & 0x3f) | 0x40;
  return Buffer.from(bytes).toString('hex');
}

async function makeAuthority(name: string): Promise<Made> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `CN=${name}, O=Fjordbank`,
    ...validity(AUTHORITY_DAYS),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate, keys };
}

async function issue(
  authority: Made,
  name: string,
  names: x509.JsonGeneralNames,
  usage: x509.ExtendedKeyUsage,
): Promise<Made> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: `CN=${name}, O=Fjordbank`,
    issuer: authority.certificate.subject,
    ...validity(LEAF_DAYS),
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey: authority.keys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([usage]),
      new x509.SubjectAlternativeNameExtension(names),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(authority.keys.publicKey),
    ],
  });
  return { certificate, keys };
}

async function keyText(keys: webcrypto.CryptoKeyPair): Promise<string> {
  const der = await crypto.subtle.exportKey('pkcs8', keys.privateKey);
  return x509.PemConverter.encode(der, 'PRIVATE KEY');
}

/** Writes `ca.pem`, `server.*`, `services-ca.pem` and `settlement.*` into the folder `tls` below `folder`. */
export async function writeDemoCertificates(folder: string): Promise<void> {
  const [gate, services] = await Promise.all([
    makeAuthority('Fjordbank demo gate CA'),
    makeAuthority('Fjordbank demo services CA'),
  ]);
  const here: x509.JsonGeneralNames = [
    { type: 'dns', value: 'localhost' },
    { type: 'ip', value: '127.0.0.1' },
    { type: 'ip', value: '::1' },
  ];
  const [server, settlement] = await Promise.all([
    issue(gate, 'localhost', here, x509.ExtendedKeyUsage.serverAuth),
    issue(services, 'settlement', [{ type: 'url', value: SETTLEMENT_ID }], x509.ExtendedKeyUsage.clientAuth),
  ]);
  const into = join(folder, 'tls');
  await mkdir(into, { mode: 0o700 });
  const write = (name: string, text: string) =>
    writeFile(join(into, name), `${text.trimEnd()}\n`, { mode: 0o600 });
  await Promise.all([
    write('ca.pem', gate.certificate.toString('pem')),
    write('server.pem', server.certificate.toString('pem')),
    write('server.key', await keyText(server.keys)),
    write('services-ca.pem', services.certificate.toString('pem')),
    write('settlement.pem', settlement.certificate.toString('pem')),
    write('settlement.key', await keyText(settlement.keys)),
  ]);
}
