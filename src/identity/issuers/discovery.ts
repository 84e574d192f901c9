// What an issuer says of itself (OpenID Connect Discovery 1.0, RFC 8414). The document counts only when it names
// exactly the issuer that was asked for, and what it points to must not lead into the network of the gate.
import { hasDuplicateMembers } from '../../jose/index.ts';
import { type GuardedAnswer, guardedFetch, type Reach, refuseUrl } from '../../net/index.ts';

export interface FetchConfig {
  /** PEM authorities instead of the well-known ones; empty for those. */
  readonly ca: string;
  /** File with a bearer token that is sent along, read each time (Kubernetes); empty for none. */
  readonly bearerFile: string;
  /** Addresses of other hosts that the issuer's document names may be private. */
  readonly mayBePrivate: boolean;
}

export interface IssuerMetadata {
  readonly issuer: string;
  readonly jwksUri: string;
  /** Empty where the issuer has none. */
  readonly introspectionEndpoint: string;
  readonly authorizationEndpoint: string;
  readonly tokenEndpoint: string;
  readonly endSessionEndpoint: string;
}

export const FETCH_TIMEOUT_MS = 5000;
export const MAX_DOCUMENT_BYTES = 1_048_576;

/** Where the document may be, in the order that is tried. */
export function discoveryUrls(issuer: string): readonly string[] {
  const url = new URL(issuer);
  const path = url.pathname === '/' ? '' : url.pathname.replace(/\/$/, '');
  return [
    `${url.origin}${path}/.well-known/openid-configuration`,
    `${url.origin}/.well-known/oauth-authorization-server${path}`,
  ];
}

/** Rejects with Error when there is no document that can be used. */
export async function discover(
  issuer: string,
  fetch: (url: string, reach: Reach) => Promise<GuardedAnswer>,
  mayBePrivate: boolean,
): Promise<IssuerMetadata> {
  let answer: GuardedAnswer | null = null;
  for (const url of discoveryUrls(issuer)) {
    answer = await fetch(url, 'anywhere');
    if (answer.status === 200) break;
  }
  if (answer?.status !== 200) throw new Error(`the issuer's document answered ${answer?.status}`);
  return parseMetadata(answer.body, issuer, mayBePrivate);
}

/** Throws Error for a document that is not that of `issuer`, or leads where it must not. */
export function parseMetadata(text: string, issuer: string, mayBePrivate: boolean): IssuerMetadata {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw new Error("the issuer's document is not JSON");
  }
  if (typeof document !== 'object' || document === null || hasDuplicateMembers(text))
    throw new Error("the issuer's document is no plain object");
  const members = document as Readonly<Record<string, unknown>>;
  if (members['issuer'] !== issuer) throw new Error("the issuer's document is that of another issuer");
  const origin = new URL(issuer).origin;
  const url = (name: string): string => {
    const value = members[name];
    if (value === undefined) return '';
    if (typeof value !== 'string') throw new Error(`"${name}" of the issuer's document is no text`);
    const refused = refuseUrl(value, reachOf(value, origin, mayBePrivate));
    if (refused !== null) throw new Error(`"${name}" of the issuer's document is not used: ${refused}`);
    return value;
  };
  const jwksUri = url('jwks_uri');
  if (jwksUri === '') throw new Error("the issuer's document names no key set");
  return {
    issuer,
    jwksUri,
    introspectionEndpoint: url('introspection_endpoint'),
    authorizationEndpoint: url('authorization_endpoint'),
    tokenEndpoint: url('token_endpoint'),
    endSessionEndpoint: url('end_session_endpoint'),
  };
}

/** The operator has named the issuer's own host; other hosts are the issuer's idea. */
export function reachOf(url: string, trustedOrigin: string, mayBePrivate: boolean): Reach {
  return mayBePrivate || (URL.canParse(url) && new URL(url).origin === trustedOrigin) ? 'anywhere' : 'public';
}

/** A fetch that sends what the issuer's configuration says. */
export function issuerFetch(
  config: FetchConfig,
  readFile: (path: string) => Promise<string>,
): (
  url: string,
  reach: Reach,
  more?: { body: string; headers: Record<string, string> },
) => Promise<GuardedAnswer> {
  return async (url, reach, more) => {
    const token = config.bearerFile === '' ? '' : (await readFile(config.bearerFile)).trim();
    return guardedFetch({
      url,
      reach,
      ca: config.ca,
      timeoutMs: FETCH_TIMEOUT_MS,
      maxBytes: MAX_DOCUMENT_BYTES,
      headers: {
        accept: 'application/jwk-set+json, application/json',
        ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
        ...more?.headers,
      },
      ...(more === undefined ? {} : { method: 'POST' as const, body: more.body }),
    });
  };
}
