// oidc-provider's adapter over the server's own store: one row an artifact, its secret id taken out of it; clients come
// from the state, where their secrets are hashes; what a grant allows is never more than its user may do today.
import { hash } from 'node:crypto';
import { type Adapter, type AdapterPayload, Provider } from 'oidc-provider';
import type { Clock } from '../core/index.ts';
import { clientMetadata } from './clients.ts';
import type { Artifact, AuthorizationServerConfig, OAuthStore, StoredArtifact } from './contract.ts';
import { registeredClient } from './registration.ts';
import { type Artifacts, revokeGrant, revokeToken } from './unit-of-work.ts';

/** Of an artifact without an end: none of the models that are kept has none, but the protocol's type allows it, s. */
const FALLBACK_TTL_S = 86_400;

/** What was found without its secret is changed under the hash instead, behind this character. */
const HANDLE = '#';

/**
 * A hash from the store is no secret that a caller could use: only the pages where people confirm a device find its code
 * again this way, and what they go by was kept on the server.
 */
function mayUseHandle(model: string): boolean {
  const route = Provider.ctx?.oidc?.route;
  return model === 'DeviceCode' && (route === 'device_resume' || route === 'code_verification');
}

const digest = (text: string): string => hash('sha256', text, 'hex');
const keyOf = (id: string): string => (id.startsWith(HANDLE) ? id.slice(HANDLE.length) : digest(id));

export interface AdapterParts {
  readonly artifacts: Artifacts;
  readonly store: OAuthStore;
  readonly config: AuthorizationServerConfig;
  readonly clock: Clock;
}

/** The adapter of one model of oidc-provider, `Session`, `Grant`, `AccessToken` and so on. */
export function createAdapter(model: string, parts: AdapterParts): Adapter {
  const { artifacts, store, config, clock } = parts;
  const longestMs = Math.max(300_000, ...config.resources.map(({ lifetimeMs }) => lifetimeMs));

  const found = async (key: 'uid' | 'user-code', value: string): Promise<AdapterPayload | undefined> => {
    const stored = await artifacts.find(model, key, digest(value));
    if (stored === null) return undefined;
    const payload = payloadOf(stored, `${HANDLE}${stored.id}`);
    // What it was found by stands in what the proof covers as well.
    return (key === 'uid' ? payload.uid : payload.userCode) === value ? payload : undefined;
  };

  return {
    upsert: async (id, payload, expiresIn) => {
      if (model === 'Client') return artifacts.change(...registeredClient(payload, clock));
      const artifact = artifactOf(model, id, payload, clock.epochMs() + (expiresIn || FALLBACK_TTL_S) * 1000);
      // Proofs and assertions count once (RFC 9449 section 11.1, RFC 7523 section 3).
      await artifacts.change({ kind: model === 'ReplayDetection' ? 'create' : 'put', artifact });
    },
    find: async (id) => {
      if (model === 'Client') {
        const client = await store.client(id);
        return client === null || client.disabledMs !== null
          ? undefined
          : (clientMetadata(client, config, clock.epochMs()) as AdapterPayload);
      }
      const stored = await artifacts.find(model, 'id', mayUseHandle(model) ? keyOf(id) : digest(id));
      if (stored === null) return undefined;
      const payload = payloadOf(stored, id);
      return model === 'Grant' ? narrowed(payload, store) : payload;
    },
    findByUid: (uid) => found('uid', uid),
    findByUserCode: (code) => found('user-code', code),
    consume: (id) => artifacts.change({ kind: 'consume', model, id: keyOf(id), atMs: clock.epochMs() }),
    destroy: async (id) => {
      if (model === 'Grant')
        await artifacts.change(revokeGrant(id, longestMs, clock.epochMs(), 'grant withdrawn'));
      // Opaque tokens are named by their hash where the data plane remembers them.
      if (model === 'AccessToken' || model === 'ClientCredentials')
        await artifacts.change(revokeToken(keyOf(id), clock.epochMs() + longestMs, clock.epochMs()));
      await artifacts.change({ kind: 'remove', model, id: keyOf(id) });
    },
    revokeByGrantId: async (grantId) => {
      await artifacts.change(revokeGrant(grantId, longestMs, clock.epochMs(), 'grant withdrawn'), {
        kind: 'remove-grant',
        model,
        grantId,
      });
    },
  };
}

function artifactOf(model: string, id: string, payload: AdapterPayload, expiresMs: number): Artifact {
  const { jti: _secret, ...rest } = payload;
  const { grantId, uid, userCode, clientId, accountId } = rest;
  return {
    model,
    id: keyOf(id),
    payload: JSON.stringify(rest),
    grantId: model === 'Grant' ? id : (grantId ?? ''),
    uid: uid === undefined ? '' : digest(uid),
    userCode: userCode === undefined ? '' : digest(userCode),
    clientId: clientId ?? '',
    user: accountId ?? '',
    expiresMs,
  };
}

function payloadOf({ payload, consumedMs }: StoredArtifact, id: string): AdapterPayload {
  const out = JSON.parse(payload) as AdapterPayload;
  out.jti = id;
  if (consumedMs !== null) out['consumed'] = Math.floor(consumedMs / 1000);
  return out;
}

/** The grant as far as its user still has the scopes; none at all of a user who is gone. */
async function narrowed(payload: AdapterPayload, store: OAuthStore): Promise<AdapterPayload | undefined> {
  if (typeof payload.accountId !== 'string') return payload;
  const user = await store.user(payload.accountId);
  if (user === null || user.disabledMs !== null) return undefined;
  const may = new Set(user.scopes);
  const resources: Record<string, string> = {};
  for (const [uri, scopes] of Object.entries((payload['resources'] ?? {}) as Record<string, string>))
    resources[uri] = scopes
      .split(' ')
      .filter((scope) => may.has(scope))
      .join(' ');
  return { ...payload, resources } as AdapterPayload;
}
