// What a TLS listener needs, as plain data: settings come with the configuration, material (certificates, staples,
// keys for tickets) is made by the main thread and may change at any time without a reload.
import type { TlsVersion } from './defaults.ts';

/** Which of a certificate's names may identify a client. */
export type IdentityKind = 'spiffe' | 'dns' | 'uri' | 'email' | 'subject';

export interface TlsSettings {
  readonly minVersion: TlsVersion;
  /** What a server name gets that no certificate has. */
  readonly unknownName: 'default-certificate' | 'refuse';
  /** Null: no client is asked for a certificate. */
  readonly clients: ClientTrust | null;
}

export interface ClientTrust {
  /** `require` refuses the handshake without a valid certificate; `optional` leaves that to each operation. */
  readonly mode: 'require' | 'optional';
  /** From files. */
  readonly anchors: readonly TrustAnchors[];
  /** Trust domains whose authorities come with the material, the gate's own or federated ones. With `anchors` never both empty. */
  readonly domains: readonly string[];
  /** PEM texts; when not empty every certificate of a chain must be found good in the list of its issuer. */
  readonly revocations: readonly string[];
  readonly identity: readonly IdentityKind[];
}

export interface TrustAnchors {
  /** PEM text with one certificate or more. */
  readonly pem: string;
  /** The SPIFFE trust domain that these authorities may speak for; empty for none. */
  readonly trustDomain: string;
}

/** A certificate with its key, ready to be served. */
export interface ServedCertificate {
  /** PEM texts; the chain begins with the server's own certificate. */
  readonly chain: string;
  readonly key: string;
  /** OCSP answer in DER, or null. */
  readonly staple: Uint8Array | null;
  /** Must not be shown to a client that asks for its status without a staple (RFC 7633). */
  readonly mustStaple: boolean;
}

/** Answer to one ACME TLS-ALPN-01 challenge (RFC 8737). */
export interface AlpnChallenge {
  readonly name: string;
  readonly certificate: string;
  readonly key: string;
}

export interface TlsMaterial {
  readonly listener: string;
  /** The first is the default; may be empty while none could be had: then no handshake succeeds. */
  readonly certificates: readonly ServedCertificate[];
  /** 48 random bytes, the same on all threads; replaced at intervals. */
  readonly ticketKeys: Uint8Array;
  readonly challenges: readonly AlpnChallenge[];
  /** Authorities of the trust domains that the settings name, as they are known now. */
  readonly anchors: readonly TrustAnchors[];
}

/** Client side of an upstream's TLS, PEM texts; empty for what is not configured. */
export interface UpstreamTls {
  readonly certificate: string;
  readonly key: string;
  /** Authorities that are trusted instead of the public ones. */
  readonly ca: string;
  readonly crl: string;
  /** Name for SNI and the certificate instead of the target's host. */
  readonly serverName: string;
  /** The gate shows its own SVID instead of a certificate. */
  readonly svid: boolean;
  /** Trust domains whose authorities are trusted instead of `ca`; empty for none. */
  readonly domains: readonly string[];
  /** SPIFFE ids of which the server's certificate must carry one, instead of a host name. */
  readonly spiffeIds: readonly string[];
  readonly minVersion: TlsVersion;
}

/** Who the gate is among services, and which authorities speak for which trust domain. Changes without a reload. */
export interface GateIdentity {
  /** PEM texts; empty while the gate has no SVID. */
  readonly chain: string;
  readonly key: string;
  readonly anchors: readonly TrustAnchors[];
}

export const noGateIdentity: GateIdentity = { chain: '', key: '', anchors: [] };
