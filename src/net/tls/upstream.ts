// TLS towards services: the gate's own certificate, whom it trusts there (never its clients' authorities), and which
// name the service must show.
import {
  type ConnectionOptions,
  checkServerIdentity,
  createSecureContext,
  type PeerCertificate,
} from 'node:tls';
import { parseCertificate } from './certificate.ts';
import type { UpstreamTls } from './contract.ts';
import { secureDefaults } from './defaults.ts';
import { parseSpiffeId } from './spiffe.ts';

/** Options for connections; certificates are always verified. Throws Error for PEM texts that can not be used. */
export function compileUpstreamTls(tls: UpstreamTls): ConnectionOptions {
  const secureContext = createSecureContext({
    ...secureDefaults(tls.minVersion, true),
    ...(tls.certificate === '' ? {} : { cert: tls.certificate, key: tls.key }),
    ...(tls.ca === '' ? {} : { ca: tls.ca }),
    ...(tls.crl === '' ? {} : { crl: tls.crl }),
  });
  const ids = new Set(tls.spiffeIds);
  return {
    secureContext,
    rejectUnauthorized: true,
    ...(tls.serverName === '' ? {} : { servername: tls.serverName }),
    checkServerIdentity: ids.size === 0 ? checkServerIdentity : (_host, peer) => checkSpiffeId(peer, ids),
  };
}

/** X509-SVID: the one URI name must be one of `ids`. */
function checkSpiffeId(peer: PeerCertificate, ids: ReadonlySet<string>): Error | undefined {
  try {
    const { names, isCa } = parseCertificate(peer.raw);
    const [uri] = names.uris;
    const isOne = names.uris.length === 1 && uri !== undefined && parseSpiffeId(uri) !== null;
    if (isOne && !isCa && ids.has(uri)) return undefined;
  } catch {
    // An unreadable certificate names nobody.
  }
  return new Error('the certificate does not carry the SPIFFE id of the service');
}
