// Logging in with an external OpenID provider: authorization code with PKCE, state and nonce, tied to the browser by a
// sealed cookie; which provider an answer must come from is in the cookie as well, so that answers can not be mixed up.
// People are known by issuer and subject, never by an e-mail address that two providers may both claim.
import { readFileSync } from 'node:fs';
import * as client from 'openid-client';
import type { Clock } from '../core/index.ts';
import { IdentityError } from '../identity/index.ts';
import type { FederationConfig, OAuthStore } from './contract.ts';
import { type FetchLike, guardedFetchLike } from './guarded-fetch-like.ts';

/** Discovery is read again after this, ms. */
const DISCOVER_MS = 600_000;

/** What must be known again when the browser comes back; sealed into a cookie. */
export interface FederatedStart {
  readonly provider: string;
  readonly uid: string;
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

export class Federation {
  readonly #providers = new Map<string, FederationConfig>();
  readonly #discovered = new Map<string, { readonly config: client.Configuration; readonly atMs: number }>();
  readonly #store: OAuthStore;
  readonly #callback: (provider: string) => string;
  readonly #clock: Clock;

  constructor(
    providers: readonly FederationConfig[],
    store: OAuthStore,
    callback: (provider: string) => string,
    clock: Clock,
  ) {
    for (const provider of providers) this.#providers.set(provider.name, provider);
    this.#store = store;
    this.#callback = callback;
    this.#clock = clock;
  }

  get choices(): readonly { readonly name: string; readonly label: string }[] {
    return [...this.#providers.values()].map(({ name, label }) => ({ name, label }));
  }

  async #configuration(provider: FederationConfig): Promise<client.Configuration> {
    const known = this.#discovered.get(provider.name);
    const nowMs = this.#clock.monotonicMs();
    if (known !== undefined && nowMs - known.atMs < DISCOVER_MS) return known.config;
    const ca = provider.ca === '' ? '' : readFileSync(provider.ca, 'utf8');
    const issuer = new URL(provider.issuer);
    const fetchLike: FetchLike = guardedFetchLike({
      trusted: issuer.origin,
      mayBePrivate: provider.mayBePrivate,
      ca,
    });
    const config = await client.discovery(issuer, provider.clientId, provider.clientSecret, undefined, {
      [client.customFetch]: fetchLike as client.CustomFetch,
      // Plain http is refused by what fetches, other than on loopback.
      execute: [client.allowInsecureRequests],
    });
    this.#discovered.set(provider.name, { config, atMs: nowMs });
    return config;
  }

  /** Where to send the browser; null for a provider that is not there. Rejects when it can not be asked. */
  async start(
    name: string,
    uid: string,
  ): Promise<{ readonly url: string; readonly start: FederatedStart } | null> {
    const provider = this.#providers.get(name);
    if (provider === undefined) return null;
    const config = await this.#configuration(provider);
    const verifier = client.randomPKCECodeVerifier();
    const state = client.randomState();
    const nonce = client.randomNonce();
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: this.#callback(name),
      scope: provider.scopes.join(' '),
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      nonce,
    });
    return { url: url.href, start: { provider: name, uid, state, nonce, verifier } };
  }

  /** User that the provider vouches for. Rejects when it does not, or the user is not known here. */
  async finish(name: string, search: string, start: FederatedStart): Promise<string> {
    const provider = this.#providers.get(name);
    if (provider === undefined || start.provider !== name)
      throw new IdentityError('invalid', 'the answer is of another provider than was asked');
    const config = await this.#configuration(provider);
    const url = new URL(this.#callback(name));
    url.search = search;
    const tokens = await client.authorizationCodeGrant(config, url, {
      pkceCodeVerifier: start.verifier,
      expectedState: start.state,
      expectedNonce: start.nonce,
      idTokenExpected: true,
    });
    const subject = tokens.claims()?.sub;
    if (subject === undefined) throw new IdentityError('invalid', 'the provider names nobody');
    const known = await this.#store.federatedUser(name, subject);
    if (known !== null) return known;
    if (provider.users === 'linked')
      throw new IdentityError('unknown', 'nobody here is linked to this account of yours');
    const id = `${name}:${subject}`;
    if (id.length > 200 || /[\x00-\x1f\x7f]/.test(id))
      throw new IdentityError('invalid', 'the provider names somebody by what is no name');
    try {
      await this.#store.link(name, subject, id, this.#clock.epochMs(), provider.userScopes);
    } catch (error) {
      // Of two first logins at once one makes the user. Somebody else of that name is not it.
      const linked = await this.#store.federatedUser(name, subject);
      if (linked === null) throw error;
      return linked;
    }
    return id;
  }
}
