// OCSP (RFC 6960) as a server needs it for stapling (RFC 6066 section 8): one request for one certificate, and an
// answer that is believed only when it is about this certificate, signed by its issuer or by a responder that the
// issuer appointed, and current.
import { hash, verify, X509Certificate } from 'node:crypto';
import { parseCertificate } from './certificate.ts';
import {
  type DerElement,
  DerError,
  expectTag,
  readChildren,
  readOid,
  readTime,
  readWhole,
  Tag,
  writeElement,
  writeOid,
} from './der.ts';

const Oid = {
  sha1: '1.3.14.3.2.26',
  sha256: '2.16.840.1.101.3.4.2.1',
  basicResponse: '1.3.6.1.5.5.7.48.1.1',
  ocspSigning: '1.3.6.1.5.5.7.3.9',
} as const;

/** Digest by signature algorithm; null: the algorithm has its own (Ed25519, Ed448). SHA-1 is not believed. */
const signatureDigests: Readonly<Record<string, string | null>> = {
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '1.3.101.112': null,
  '1.3.101.113': null,
};

/** How far the responder's clock may be ahead, ms. */
const CLOCK_SKEW_MS = 300_000;

export interface OcspAnswer {
  readonly status: 'good' | 'revoked' | 'unknown';
  readonly thisUpdateMs: number;
  /** null: newer information is always available. */
  readonly nextUpdateMs: number | null;
}

/** SHA-1 here only names the issuer (RFC 5019 section 2.1.1 asks for it); it protects nothing. */
function certificateId(algorithm: string, digest: string, certificate: Buffer, issuer: Buffer): Buffer[] {
  const child = parseCertificate(certificate);
  const parent = parseCertificate(issuer);
  return [
    writeOid(algorithm),
    hash(digest, child.issuer, 'buffer'),
    hash(digest, parent.publicKey, 'buffer'),
    child.serial,
  ];
}

/** Request for the status of `certificate` that `issuer` has issued; both in DER. Throws DerError. */
export function buildOcspRequest(certificate: Buffer, issuer: Buffer): Buffer {
  const [algorithm, nameHash, keyHash, serial] = certificateId(Oid.sha1, 'sha1', certificate, issuer) as [
    Buffer,
    Buffer,
    Buffer,
    Buffer,
  ];
  const id = writeElement(
    Tag.sequence,
    writeElement(Tag.sequence, algorithm, writeElement(Tag.null)),
    writeElement(Tag.octetString, nameHash),
    writeElement(Tag.octetString, keyHash),
    writeElement(Tag.integer, serial),
  );
  const list = writeElement(Tag.sequence, writeElement(Tag.sequence, id));
  return writeElement(Tag.sequence, writeElement(Tag.sequence, list));
}

/** The verified answer about `certificate`, or why it is not believed. Never throws. */
export function readOcspResponse(
  response: Buffer,
  certificate: Buffer,
  issuer: Buffer,
  nowMs: number,
): OcspAnswer | string {
  try {
    return readResponse(response, certificate, issuer, nowMs);
  } catch (error) {
    if (error instanceof DerError) return `malformed: ${error.message}`;
    return 'malformed';
  }
}

function readResponse(
  response: Buffer,
  certificate: Buffer,
  issuer: Buffer,
  nowMs: number,
): OcspAnswer | string {
  const [status, body] = readChildren(readWhole(response, Tag.sequence));
  const code = expectTag(status, Tag.enumerated).content[0];
  if (code !== 0) return `the responder answered status ${code}`;
  const [type, octets] = readChildren(readWhole(expectTag(body, 0xa0).content, Tag.sequence));
  if (readOid(type) !== Oid.basicResponse) return 'an answer of another type';
  const basic = readChildren(readWhole(expectTag(octets, Tag.octetString).content, Tag.sequence));
  const [data, algorithm, signature, extra] = basic;
  const signed = expectTag(data, Tag.sequence);
  const signer = findSigner(signed, algorithm, signature, extra, issuer, nowMs);
  if (typeof signer === 'string') return signer;

  const parts = readChildren(signed);
  if (parts[0]?.tag === 0xa0) parts.shift();
  const responses = readChildren(expectTag(parts[2], Tag.sequence));
  for (const single of responses) {
    const [id, state, thisUpdate, next] = readChildren(expectTag(single, Tag.sequence));
    if (!isAbout(expectTag(id, Tag.sequence), certificate, issuer)) continue;
    const answer: OcspAnswer = {
      status: state?.tag === 0x80 ? 'good' : state?.tag === 0xa1 ? 'revoked' : 'unknown',
      thisUpdateMs: readTime(thisUpdate),
      nextUpdateMs: next?.tag === 0xa0 ? readTime(readWhole(next.content)) : null,
    };
    if (answer.thisUpdateMs > nowMs + CLOCK_SKEW_MS) return 'an answer from the future';
    if (answer.nextUpdateMs !== null && answer.nextUpdateMs <= nowMs) return 'an answer that is out of date';
    return answer;
  }
  return 'an answer about another certificate';
}

function isAbout(id: DerElement, certificate: Buffer, issuer: Buffer): boolean {
  const [algorithm, nameHash, keyHash, serial] = readChildren(id);
  const oid = readOid(readChildren(expectTag(algorithm, Tag.sequence))[0]);
  const digest = oid === Oid.sha1 ? 'sha1' : oid === Oid.sha256 ? 'sha256' : null;
  if (digest === null) return false;
  const [, ownName, ownKey, ownSerial] = certificateId(oid, digest, certificate, issuer);
  return (
    expectTag(nameHash, Tag.octetString).content.equals(ownName!) &&
    expectTag(keyHash, Tag.octetString).content.equals(ownKey!) &&
    expectTag(serial, Tag.integer).content.equals(ownSerial!)
  );
}

/** Null when the signature is the issuer's or that of a responder it appointed, else what is wrong. */
function findSigner(
  signed: DerElement,
  algorithm: DerElement | undefined,
  signature: DerElement | undefined,
  extra: DerElement | undefined,
  issuer: Buffer,
  nowMs: number,
): string | null {
  const oid = readOid(readChildren(expectTag(algorithm, Tag.sequence))[0]);
  if (!Object.hasOwn(signatureDigests, oid)) return `a signature of algorithm ${oid}`;
  const bits = expectTag(signature, Tag.bitString).content;
  if (bits[0] !== 0) return 'malformed signature';
  const digest = signatureDigests[oid]!;
  const authority = new X509Certificate(issuer);
  const isSignedBy = (signer: X509Certificate): boolean =>
    verify(digest, signed.bytes, signer.publicKey, bits.subarray(1));
  if (isSignedBy(authority)) return null;
  const appointed = extra?.tag === 0xa0 ? readChildren(readWhole(extra.content, Tag.sequence)) : [];
  for (const entry of appointed) {
    const responder = new X509Certificate(entry.bytes);
    const { notBeforeMs, notAfterMs } = parseCertificate(responder.raw);
    if (
      responder.checkIssued(authority) &&
      responder.verify(authority.publicKey) &&
      (responder.keyUsage ?? []).includes(Oid.ocspSigning) &&
      nowMs >= notBeforeMs &&
      nowMs < notAfterMs &&
      isSignedBy(responder)
    ) {
      return null;
    }
  }
  return 'a signature that is not the issuer’s';
}
