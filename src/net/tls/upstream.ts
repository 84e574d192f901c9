// TLS towards services: the gate's own certificate, whom it trusts there (never its clients' authorities), and which
// name the service must show.
import {
  type ConnectionOptions,
  checkServerIdentity,
  createSecureContext,
  type DetailedPeerCertificate,
  type PeerCertificate,
} from 'node:tls';
import { parseCertificate, pemCertificates } from './certificate.ts';
import { anchorOf, chainOf } from './client-certificate.ts';
import { type GateIdentity, noGateIdentity, type TrustAnchors, type UpstreamTls } from './contract.ts';
import { secureDefaults } from './defaults.ts';
import { parseSpiffeId } from './spiffe.ts';

/**
 * Options for connections; certificates are always verified. With `svid` the gate shows what it is among services; with
 * trust domains it trusts what speaks for them, and while it knows no such authority no connection succeeds. Throws Error
 * for PEM texts that can not be used.
 */
export function compileUpstreamTls(
  tls: UpstreamTls,
  identity: GateIdentity = noGateIdentity,
): ConnectionOptions {
  const anchors = identity.anchors.filter(({ trustDomain }) => tls.domains.includes(trustDomain));
  const own = tls.svid ? { certificate: identity.chain, key: identity.key } : tls;
  // INVARIANT: an empty list trusts nobody; only without `ca` are the public authorities trusted.
  const ca = tls.domains.length > 0 ? anchors.map(({ pem }) => pem) : tls.ca === '' ? undefined : tls.ca;
  const secureContext = createSecureContext({
    ...secureDefaults(tls.minVersion, true),
    ...(own.certificate === '' ? {} : { cert: own.certificate, key: own.key }),
    ...(ca === undefined ? {} : { ca }),
    ...(tls.crl === '' ? {} : { crl: tls.crl }),
  });
  const ids = new Set(tls.spiffeIds);
  return {
    secureContext,
    rejectUnauthorized: true,
    ...(tls.serverName === '' ? {} : { servername: tls.serverName }),
    checkServerIdentity:
      ids.size === 0 ? checkServerIdentity : (_host, peer) => checkSpiffeId(peer, ids, anchors),
  };
}

/**
 * X509-SVID: the one URI name must be one of `ids`, and where authorities have trust domains the chain must end in one of
 * the id's.
 */
function checkSpiffeId(
  peer: PeerCertificate,
  ids: ReadonlySet<string>,
  anchors: readonly TrustAnchors[],
): Error | undefined {
  try {
    const { names, isCa } = parseCertificate(peer.raw);
    const [uri] = names.uris;
    const id = names.uris.length === 1 && uri !== undefined ? parseSpiffeId(uri) : null;
    if (
      id !== null &&
      !isCa &&
      ids.has(uri!) &&
      (anchors.length === 0 || endsIn(peer, id.trustDomain, anchors))
    )
      return undefined;
  } catch {
    // An unreadable certificate names nobody.
  }
  return new Error('the certificate does not carry the SPIFFE id of the service');
}

/** Whether the verified chain of `peer` ends in an authority of `trustDomain`. */
function endsIn(peer: PeerCertificate, trustDomain: string, anchors: readonly TrustAnchors[]): boolean {
  const chain = chainOf(peer as DetailedPeerCertificate);
  const anchor = anchorOf(chain);
  return (
    anchor !== null &&
    anchors.some(
      (entry) =>
        entry.trustDomain === trustDomain && pemCertificates(entry.pem).some((der) => der.equals(anchor)),
    )
  );
}
