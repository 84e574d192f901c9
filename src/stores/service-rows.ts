// Rows of service identities as the port's records.
import type {
  Attestation,
  AuthorityRecord,
  BindingRecord,
  JoinTokenRecord,
  SightingRecord,
  SvidRecord,
} from '../identity/index.ts';
import type { SqlRow } from './contract.ts';

export const authorityOf = (row: SqlRow, key: string): AuthorityRecord => ({
  id: String(row['id']),
  kind: row['kind'] as AuthorityRecord['kind'],
  trustDomain: String(row['trust_domain']),
  parent: row['parent'] === null ? '' : String(row['parent']),
  certificate: String(row['certificate']),
  key,
  createdMs: Number(row['created_ms']),
  activeMs: Number(row['active_ms']),
  untilMs: Number(row['until_ms']),
  revokedMs: row['revoked_ms'] as number | null,
  revision: Number(row['revision']),
});

export const tokenOf = (row: SqlRow): JoinTokenRecord => ({
  id: String(row['id']),
  sha256: String(row['sha256']),
  principal: String(row['principal']),
  createdMs: Number(row['created_ms']),
  expiresMs: Number(row['expires_ms']),
  usedMs: row['used_ms'] as number | null,
});

export const svidOf = (row: SqlRow): SvidRecord => ({
  serial: String(row['serial']),
  principal: String(row['principal']),
  spiffeId: String(row['spiffe_id']),
  authority: String(row['authority']),
  fingerprint: String(row['fingerprint']),
  keySha256: String(row['key_sha256']),
  attestation: row['attestation'] as Attestation,
  notBeforeMs: Number(row['not_before_ms']),
  notAfterMs: Number(row['not_after_ms']),
  revokedMs: row['revoked_ms'] as number | null,
});

export const bindingOf = (row: SqlRow): BindingRecord => ({
  identity: String(row['identity']),
  principal: String(row['principal']),
  createdMs: Number(row['created_ms']),
});

export const sightingOf = (row: SqlRow): SightingRecord => ({
  kind: row['kind'] as SightingRecord['kind'],
  credential: String(row['credential']),
  caller: String(row['caller']),
  address: String(row['address']),
  firstMs: Number(row['first_ms']),
  lastMs: Number(row['last_ms']),
});
