// Tables of the authorization server. What is looked up by a secret is looked up by the secret's SHA-256.
export const oauthTables: readonly string[] = [
  `CREATE TABLE oauth_artifacts (
    model TEXT NOT NULL,
    id TEXT NOT NULL,
    payload TEXT NOT NULL,
    grant_id TEXT,
    uid TEXT,
    user_code TEXT,
    client_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    expires_ms BIGINT NOT NULL,
    consumed_ms BIGINT,
    PRIMARY KEY (model, id)
  )`,
  'CREATE INDEX oauth_artifacts_by_grant ON oauth_artifacts (grant_id) WHERE grant_id IS NOT NULL',
  'CREATE INDEX oauth_artifacts_by_uid ON oauth_artifacts (uid) WHERE uid IS NOT NULL',
  'CREATE INDEX oauth_artifacts_by_user_code ON oauth_artifacts (user_code) WHERE user_code IS NOT NULL',
  'CREATE INDEX oauth_artifacts_by_client ON oauth_artifacts (client_id, model)',
  'CREATE INDEX oauth_artifacts_by_user ON oauth_artifacts (user_id, model)',
  'CREATE INDEX oauth_artifacts_by_end ON oauth_artifacts (expires_ms)',
  `CREATE TABLE oauth_clients (
    id TEXT PRIMARY KEY REFERENCES principals (id),
    settings TEXT NOT NULL,
    revision BIGINT NOT NULL
  )`,
  `CREATE TABLE user_credentials (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES principals (id),
    kind TEXT NOT NULL CHECK (kind IN ('password', 'totp', 'passkey', 'recovery')),
    label TEXT NOT NULL,
    sealed TEXT NOT NULL,
    counter BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    used_ms BIGINT
  )`,
  'CREATE INDEX user_credentials_by_user ON user_credentials (user_id)',
  `CREATE UNIQUE INDEX user_credentials_one_password ON user_credentials (user_id) WHERE kind = 'password'`,
  `CREATE TABLE federated_users (
    provider TEXT NOT NULL,
    subject TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES principals (id),
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (provider, subject)
  )`,
  `CREATE TABLE login_attempts (
    bucket TEXT PRIMARY KEY,
    attempts BIGINT NOT NULL,
    since_ms BIGINT NOT NULL,
    last_ms BIGINT NOT NULL
  )`,
  'CREATE INDEX login_attempts_by_last ON login_attempts (last_ms)',
];
