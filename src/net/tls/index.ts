export {
  type CertificateDetails,
  type CertificateNames,
  canonicalSubject,
  certificateFingerprint,
  normaliseEmail,
  parseCertificate,
  parseRevocationList,
  pemCertificates,
  subjectAttributes,
} from './certificate.ts';
export {
  type CertificateProblem,
  type ClientCertificate,
  ClientCertificateReader,
} from './client-certificate.ts';
export { type HelloReading, readClientHello } from './client-hello.ts';
export {
  type AlpnChallenge,
  type ClientTrust,
  type GateIdentity,
  type IdentityKind,
  noGateIdentity,
  type ServedCertificate,
  type TlsMaterial,
  type TlsSettings,
  type TrustAnchors,
  type UpstreamTls,
} from './contract.ts';
export { secureDefaults, type TlsVersion } from './defaults.ts';
export { DerError } from './der.ts';
export { failedHandshake, type HandshakeOutcome, handshakeOutcomes } from './handshake.ts';
export { NameTable } from './name-table.ts';
export { buildOcspRequest, type OcspAnswer, readOcspResponse } from './ocsp.ts';
export {
  isTrustDomain,
  parseSpiffeId,
  parseSpiffePattern,
  type SpiffeId,
  type SpiffePattern,
} from './spiffe.ts';
export { compileUpstreamTls } from './upstream.ts';
