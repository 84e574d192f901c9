// Tables of service identities. A waiting request is an authority without a certificate; an offline root is one without a key.

export const serviceTables: readonly string[] = [
  `CREATE TABLE authorities (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('root', 'issuing')),
    trust_domain TEXT NOT NULL,
    parent TEXT REFERENCES authorities (id),
    certificate TEXT NOT NULL,
    sealed TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    active_ms BIGINT NOT NULL,
    until_ms BIGINT NOT NULL,
    revoked_ms BIGINT,
    revision BIGINT NOT NULL
  )`,
  `CREATE TABLE bundle_sequences (
    trust_domain TEXT PRIMARY KEY,
    content TEXT NOT NULL,
    sequence BIGINT NOT NULL
  )`,
  `CREATE TABLE join_tokens (
    id TEXT PRIMARY KEY,
    sha256 TEXT NOT NULL UNIQUE,
    principal TEXT NOT NULL REFERENCES principals (id),
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    used_ms BIGINT,
    svid TEXT,
    revision BIGINT NOT NULL
  )`,
  `CREATE TABLE svids (
    serial TEXT PRIMARY KEY,
    principal TEXT NOT NULL REFERENCES principals (id),
    spiffe_id TEXT NOT NULL,
    authority TEXT NOT NULL REFERENCES authorities (id),
    fingerprint TEXT NOT NULL UNIQUE,
    key_sha256 TEXT NOT NULL,
    attestation TEXT NOT NULL,
    not_before_ms BIGINT NOT NULL,
    not_after_ms BIGINT NOT NULL,
    revoked_ms BIGINT,
    revision BIGINT NOT NULL
  )`,
  'CREATE INDEX svids_by_principal ON svids (principal, not_after_ms)',
  'CREATE INDEX svids_by_end ON svids (not_after_ms)',
  `CREATE TABLE bindings (
    identity TEXT PRIMARY KEY,
    principal TEXT NOT NULL REFERENCES principals (id),
    created_ms BIGINT NOT NULL,
    removed INTEGER NOT NULL DEFAULT 0,
    revision BIGINT NOT NULL
  )`,
  'CREATE INDEX bindings_by_principal ON bindings (principal)',
  'CREATE INDEX bindings_by_revision ON bindings (revision)',
  `CREATE TABLE trust_bundles (
    trust_domain TEXT PRIMARY KEY,
    document TEXT NOT NULL,
    fetched_ms BIGINT NOT NULL,
    revision BIGINT NOT NULL
  )`,
  `CREATE TABLE sightings (
    kind TEXT NOT NULL CHECK (kind IN ('certificate', 'key', 'api-key')),
    credential TEXT NOT NULL,
    caller TEXT NOT NULL,
    address TEXT NOT NULL,
    first_ms BIGINT NOT NULL,
    last_ms BIGINT NOT NULL,
    PRIMARY KEY (kind, credential, caller, address)
  )`,
  'CREATE INDEX sightings_by_last ON sightings (last_ms)',
];
