// How a handshake with a client ended, in words that metrics can count.
import type { TLSSocket } from 'node:tls';
import { certificateProblem } from './client-certificate.ts';

export const handshakeOutcomes = [
  'full',
  'resumed',
  'certificate-missing',
  'certificate-untrusted',
  'certificate-expired',
  'certificate-not-yet-valid',
  'certificate-revoked',
  'certificate-revocation-unknown',
  'certificate-purpose',
  'certificate-unreadable',
  /** No version, suite, group or signature in common. */
  'protocol',
  'name-unknown',
  'timeout',
  /** The client went away. */
  'aborted',
  /** The listener has no certificate yet, a client spoke no TLS, must-staple without a staple … */
  'other',
] as const;

export type HandshakeOutcome = (typeof handshakeOutcomes)[number];

const byCode: Readonly<Record<string, HandshakeOutcome>> = {
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: 'certificate-missing',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'protocol',
  ERR_SSL_NO_SHARED_CIPHER: 'protocol',
  ERR_SSL_NO_SUITABLE_KEY_SHARE: 'protocol',
  ERR_SSL_NO_SUITABLE_GROUPS: 'protocol',
  ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM: 'protocol',
  ERR_SSL_NO_SHARED_SIGNATURE_ALGORITHMS: 'protocol',
  ERR_TLS_HANDSHAKE_TIMEOUT: 'timeout',
  ECONNRESET: 'aborted',
};

/** Outcome of a handshake that failed with `error`; a certificate that was refused stands on the socket. */
export function failedHandshake(error: NodeJS.ErrnoException, socket: TLSSocket): HandshakeOutcome {
  const refused = socket.authorizationError as unknown;
  if (refused !== undefined && refused !== null && refused !== '')
    return `certificate-${certificateProblem(String(refused)) || 'untrusted'}` as HandshakeOutcome;
  return byCode[error.code ?? ''] ?? 'other';
}
