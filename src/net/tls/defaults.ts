// What the gate speaks: TLS 1.3 and, unless switched off, TLS 1.2 with forward secrecy and authenticated encryption
// only. One place, for listeners and upstreams alike.
import { constants } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';

/** TLS 1.3 suites and the AEAD suites of TLS 1.2 that RFC 9325 section 4.2 recommends; ECDHE only. */
const ciphers = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
].join(':');

/**
 * Hybrid post-quantum key exchange (draft-ietf-tls-ecdhe-mlkem) before the classical curves: `/` makes the gate ask again
 * for it where a client knows it but guessed another, `*` are the guesses that the gate sends to services.
 */
const groups = '*X25519MLKEM768/*X25519:P-256:P-384';

/** No SHA-1, no RSA PKCS #1 v1.5 before PSS. */
const signatures = [
  'ecdsa_secp256r1_sha256',
  'ecdsa_secp384r1_sha384',
  'ecdsa_secp521r1_sha512',
  'ed25519',
  'rsa_pss_rsae_sha256',
  'rsa_pss_rsae_sha384',
  'rsa_pss_rsae_sha512',
  'rsa_pss_pss_sha256',
  'rsa_pss_pss_sha384',
  'rsa_pss_pss_sha512',
  'rsa_pkcs1_sha256',
  'rsa_pkcs1_sha384',
  'rsa_pkcs1_sha512',
].join(':');

/** Renegotiation only ever brought attacks (RFC 9325 section 3.5). */
const noRenegotiation = constants.SSL_OP_NO_RENEGOTIATION;

/** Both kinds of resumption: tickets, and with them the sessions of TLS 1.3; nothing keeps sessions by id. */
const noTickets = constants.SSL_OP_NO_TICKET;

/** Options of a context for either side. `resumes` false: every handshake is a full one. */
export function secureDefaults(minVersion: TlsVersion, resumes: boolean): SecureContextOptions {
  return {
    minVersion,
    maxVersion: 'TLSv1.3',
    ciphers,
    ecdhCurve: groups,
    sigalgs: signatures,
    honorCipherOrder: true,
    secureOptions: noRenegotiation | (resumes ? 0 : noTickets),
  };
}
