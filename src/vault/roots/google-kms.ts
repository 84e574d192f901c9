// The root key under a key of Google Cloud KMS (REST v1), with a service account's key to get in (RFC 7523).
import { createSign } from 'node:crypto';
import { type RootWrap, VaultError } from '../contract.ts';
import { askService, textMember } from './ask-service.ts';
import type { GoogleKmsConfig } from './root-config.ts';

const service = 'Google KMS';
const associated = Buffer.from('gatewright vault root').toString('base64');
const TOKEN_SECONDS = 600;

export function googleKmsRoot(config: GoogleKmsConfig): RootWrap {
  const base =
    config.endpoint === '' ? 'https://cloudkms.googleapis.com' : config.endpoint.replace(/\/$/, '');
  const ask = async (action: string, body: unknown): Promise<Readonly<Record<string, unknown>>> =>
    askService({
      service,
      url: `${base}/v1/${config.key}:${action}`,
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${await googleToken(config.credentials, 'https://www.googleapis.com/auth/cloudkms')}`,
      },
      body: JSON.stringify({ ...(body as object), additionalAuthenticatedData: associated }),
    });
  return {
    kind: config.kind,
    wrap: async (rootKey) =>
      textMember(
        await ask('encrypt', { plaintext: Buffer.from(rootKey).toString('base64') }),
        'ciphertext',
        service,
      ),
    unwrap: async (wrapped) =>
      Buffer.from(textMember(await ask('decrypt', { ciphertext: wrapped }), 'plaintext', service), 'base64'),
  };
}

/** An access token for `scope`. */
export async function googleToken(credentials: string, scope: string): Promise<string> {
  let account: { client_email?: unknown; private_key?: unknown; token_uri?: unknown };
  try {
    account = JSON.parse(credentials) as typeof account;
  } catch {
    throw new VaultError('invalid', 'the key of the service account is no JSON');
  }
  const { client_email: email, private_key: key, token_uri: uri } = account;
  if (typeof email !== 'string' || typeof key !== 'string' || typeof uri !== 'string')
    throw new VaultError(
      'invalid',
      'the key of the service account has no client_email, private_key or token_uri',
    );
  const seconds = Math.floor(Date.now() / 1000);
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const head = `${part({ alg: 'RS256', typ: 'JWT' })}.${part({
    iss: email,
    scope,
    aud: uri,
    iat: seconds,
    exp: seconds + TOKEN_SECONDS,
  })}`;
  const assertion = `${head}.${createSign('sha256').update(head).sign(key, 'base64url')}`;
  const answer = await askService({
    service: 'Google OAuth',
    url: uri,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      assertion,
    }).toString(),
  });
  return textMember(answer, 'access_token', 'Google OAuth');
}
