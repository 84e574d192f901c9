// What the gate reads of an X.509 certificate beyond what Node shows: names as bytes say them (Node's text form was
// once confusable, CVE-2021-44532), key usage, must-staple, and the parts that an OCSP request names.
import { hash, X509Certificate } from 'node:crypto';
import {
  type DerElement,
  DerError,
  expectTag,
  readChildren,
  readOid,
  readTime,
  readWhole,
  Tag,
} from './der.ts';

export interface CertificateNames {
  /** Lower case, as they stand; wildcards among them. */
  readonly dns: readonly string[];
  readonly uris: readonly string[];
  /** Domain part in lower case. */
  readonly emails: readonly string[];
  /** Subject as `canonicalSubject` writes it; empty when there is none or it holds what has no plain text. */
  readonly subject: string;
}

export interface CertificateDetails {
  readonly names: CertificateNames;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly isCa: boolean;
  /** Bits of the keyUsage extension, digitalSignature first; null without the extension. */
  readonly keyUsage: { readonly digitalSignature: boolean; readonly signsCertificates: boolean } | null;
  /** The holder demands a stapled OCSP answer (RFC 7633). */
  readonly mustStaple: boolean;
  /** First OCSP responder's URL (http or https), or empty. */
  readonly ocspUrl: string;
  /** DER of issuer and subject names, content of the serial number, and content of the public key's bit string. */
  readonly issuer: Buffer;
  readonly subject: Buffer;
  readonly serial: Buffer;
  readonly publicKey: Buffer;
}

const Oid = {
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityInfoAccess: '1.3.6.1.5.5.7.1.1',
  tlsFeature: '1.3.6.1.5.5.7.1.24',
  ocsp: '1.3.6.1.5.5.7.48.1',
} as const;

/** Attribute types by the short names of RFC 4514 and a few more in use. */
export const subjectAttributes: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.5': 'SERIALNUMBER',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.9': 'STREET',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '0.9.2342.19200300.100.1.25': 'DC',
  '0.9.2342.19200300.100.1.1': 'UID',
};

/** Reads one certificate in DER. Throws DerError. */
export function parseCertificate(der: Buffer): CertificateDetails {
  const [tbs] = readChildren(readWhole(der, Tag.sequence));
  const parts = readChildren(expectTag(tbs, Tag.sequence));
  if (parts[0]?.tag === 0xa0) parts.shift();
  const [serial, , issuer, validity, subject, keyInfo, ...rest] = parts;
  const [notBefore, notAfter] = readChildren(expectTag(validity, Tag.sequence));
  const bits = expectTag(readChildren(expectTag(keyInfo, Tag.sequence))[1], Tag.bitString);
  const wrapper = rest.find((part) => part.tag === 0xa3);
  const extensions = wrapper === undefined ? new Map<string, Buffer>() : readExtensions(wrapper);
  const alternative = extensions.get(Oid.subjectAltName);
  const constraints = extensions.get(Oid.basicConstraints);
  const usage = extensions.get(Oid.keyUsage);
  const feature = extensions.get(Oid.tlsFeature);
  const access = extensions.get(Oid.authorityInfoAccess);
  return {
    names: {
      ...(alternative === undefined ? noNames : readAlternativeNames(alternative)),
      subject: readSubject(expectTag(subject, Tag.sequence)),
    },
    notBeforeMs: readTime(notBefore),
    notAfterMs: readTime(notAfter),
    isCa: constraints !== undefined && readIsCa(constraints),
    keyUsage: usage === undefined ? null : readKeyUsage(usage),
    mustStaple: feature !== undefined && readFeatures(feature).includes(5),
    ocspUrl: access === undefined ? '' : readOcspUrl(access),
    issuer: expectTag(issuer, Tag.sequence).bytes,
    subject: expectTag(subject, Tag.sequence).bytes,
    serial: expectTag(serial, Tag.integer).content,
    publicKey: bits.content.subarray(1),
  };
}

function readExtensions(wrapper: DerElement): Map<string, Buffer> {
  const out = new Map<string, Buffer>();
  for (const extension of readChildren(readWhole(wrapper.content, Tag.sequence))) {
    const parts = readChildren(expectTag(extension, Tag.sequence));
    const id = readOid(parts[0]);
    if (out.has(id)) throw new DerError('an extension stands twice');
    out.set(id, expectTag(parts.at(-1), Tag.octetString).content);
  }
  return out;
}

const noNames = { dns: [], uris: [], emails: [] };

/** A name with a control character, a space or anything beyond ASCII makes the whole certificate unreadable. */
function nameText(element: DerElement): string {
  const text = element.content.toString('latin1');
  if (!/^[\x21-\x7e]+$/.test(text)) throw new DerError('a name with odd characters');
  return text;
}

function readAlternativeNames(extension: Buffer): Pick<CertificateNames, 'dns' | 'uris' | 'emails'> {
  const dns: string[] = [];
  const uris: string[] = [];
  const emails: string[] = [];
  for (const name of readChildren(readWhole(extension, Tag.sequence))) {
    if (name.tag === 0x81) {
      const email = normaliseEmail(nameText(name));
      if (email === null) throw new DerError('an e-mail address that is none');
      emails.push(email);
    } else if (name.tag === 0x82) dns.push(nameText(name).toLowerCase());
    else if (name.tag === 0x86) uris.push(nameText(name));
  }
  return { dns, uris, emails };
}

/** `local@domain` with the domain in lower case, or null. */
export function normaliseEmail(text: string): string | null {
  const match = /^([A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+)@([A-Za-z0-9.-]+)$/.exec(text);
  return match === null ? null : `${match[1]}@${match[2]!.toLowerCase()}`;
}

function readSubject(name: DerElement): string {
  const attributes: [string, string][] = [];
  for (const relative of readChildren(name)) {
    for (const attribute of readChildren(expectTag(relative, Tag.set))) {
      const [type, value] = readChildren(expectTag(attribute, Tag.sequence));
      const id = readOid(type);
      const isText =
        value?.tag === Tag.utf8String || value?.tag === Tag.printableString || value?.tag === Tag.ia5String;
      if (!isText) return '';
      attributes.push([subjectAttributes[id] ?? id, value.content.toString('utf8')]);
    }
  }
  return attributes.length === 0 ? '' : canonicalSubject(attributes);
}

/**
 * One text for a set of subject attributes, whatever their order: a rule names all of them, and no value can pretend to
 * be two attributes.
 */
export function canonicalSubject(attributes: readonly (readonly [string, string])[]): string {
  const sorted = [...attributes].sort((a, b) => (a.join('=') < b.join('=') ? -1 : 1));
  return JSON.stringify(sorted);
}

function readIsCa(extension: Buffer): boolean {
  const [first] = readChildren(readWhole(extension, Tag.sequence));
  return first?.tag === Tag.boolean && first.content[0] !== 0;
}

function readKeyUsage(extension: Buffer): CertificateDetails['keyUsage'] {
  const { content } = readWhole(extension, Tag.bitString);
  const bits = content[1] ?? 0;
  return { digitalSignature: (bits & 0x80) !== 0, signsCertificates: (bits & 0x06) !== 0 };
}

const readFeatures = (extension: Buffer): number[] =>
  readChildren(readWhole(extension, Tag.sequence)).map(({ content }) =>
    content.length === 1 ? content[0]! : -1,
  );

function readOcspUrl(extension: Buffer): string {
  for (const description of readChildren(readWhole(extension, Tag.sequence))) {
    const [method, location] = readChildren(expectTag(description, Tag.sequence));
    if (readOid(method) !== Oid.ocsp || location?.tag !== 0x86) continue;
    const url = location.content.toString('latin1');
    if (/^https?:\/\//i.test(url) && URL.canParse(url)) return url;
  }
  return '';
}

export interface RevocationList {
  /** DER of the issuer's name. */
  readonly issuer: Buffer;
  readonly nextUpdateMs: number | null;
}

/** The revocation lists of a PEM text; their signatures are checked by TLS. Throws DerError. */
export function parseRevocationList(pem: string): RevocationList[] {
  const blocks = pem.match(/-----BEGIN X509 CRL-----[\s\S]+?-----END X509 CRL-----/g) ?? [];
  return blocks.map((block) => {
    const der = Buffer.from(block.replace(/-----[^-]+-----|\s/g, ''), 'base64');
    const [tbs] = readChildren(readWhole(der, Tag.sequence));
    const parts = readChildren(expectTag(tbs, Tag.sequence));
    if (parts[0]?.tag === Tag.integer) parts.shift();
    const [, issuer, , next] = parts;
    const hasNext = next?.tag === Tag.utcTime || next?.tag === Tag.generalizedTime;
    return { issuer: expectTag(issuer, Tag.sequence).bytes, nextUpdateMs: hasNext ? readTime(next) : null };
  });
}

/** Certificates of a PEM text in DER, in order. Throws Error for what is none. */
export function pemCertificates(pem: string): Buffer[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block).raw);
}

/** Lower-case hexadecimal SHA-256 of a certificate in DER. */
export const certificateFingerprint = (der: Buffer): string => hash('sha256', der, 'hex');
