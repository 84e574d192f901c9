// Logins: what they need, and the places that the gate itself answers for them, as an API of its own.
import type { LoginConfig, LoginStep } from '../guards/authenticate/contract.ts';
import { refuseUrl } from '../net/index.ts';
import type { ConfigDocument } from './document.ts';
import type { ApiConfig, ListenerConfig, OperationConfig } from './gate-config.ts';
import { fail, failDangling, type ResolveContext } from './resolve.ts';

export function resolveLogins(document: ConfigDocument, context: ResolveContext): LoginConfig[] {
  return Object.entries(document.identity.logins).map(([name, entry]) => {
    const path = ['identity', 'logins', name];
    const { issuers } = document.identity;
    if (!Object.hasOwn(issuers, entry.issuer))
      failDangling(context, [...path, 'issuer'], 'issuer', entry.issuer, Object.keys(issuers));
    else if (issuers[entry.issuer]!.discover === undefined)
      fail(
        context,
        'config-authenticate',
        [...path, 'issuer'],
        `The issuer "${entry.issuer}" is not discovered, so nobody knows where people log in.`,
        'Write "discover" there, instead of issuer and jwks.',
      );
    const refused = refuseUrl(entry.origin, 'anywhere');
    if (refused !== null)
      fail(context, 'config-value', [...path, 'origin'], `Cookies would not be safe there: ${refused}.`);
    if (document.state === undefined || ('postgres' in document.state && document.state.seal === undefined))
      fail(
        context,
        'config-state-missing',
        path,
        'The keys of the cookies have no place to be kept.',
        'Add "state: { sqlite: ./state.db }", or "seal" to a PostgreSQL.',
      );
    return {
      name,
      issuer: entry.issuer,
      clientId: entry['client-id'],
      clientSecret: entry['client-secret'] ?? '',
      origin: entry.origin.toLowerCase(),
      path: entry.path,
      redirectUri: `${entry.origin.toLowerCase()}${entry.path}/callback`,
      cookie: entry.cookie,
      scopes: entry.scopes,
      claims: entry.claims,
      lifetimeMs: entry.lifetime,
      rotateMs: entry.rotate,
    };
  });
}

const places: readonly (readonly [LoginStep, string, string, string])[] = [
  ['callback', 'GET', '/callback', 'the issuer sends people back to it'],
  ['logout', 'GET', '/logout', 'people log out'],
  ['logout', 'POST', '/logout', 'people log out'],
  ['back-channel', 'POST', '/backchannel-logout', 'the issuer logs people out'],
];

/**
 * The places stand where the router looks for the origin's host: with the APIs that name it, those of its wildcard, or
 * those of any host.
 */
function hostsFor(hostname: string, apis: readonly ApiConfig[]): readonly string[] {
  const named = new Set(apis.flatMap(({ hosts }) => hosts));
  if (named.has(hostname)) return [hostname];
  const wildcard = `*${hostname.slice(hostname.indexOf('.'))}`;
  return named.has(wildcard) ? [wildcard] : [];
}

/** Many people share an address, and few log in at once; each callback is a question to the issuer. */
const personLimit = {
  name: 'address',
  per: 'address',
  scope: 'operation',
  kind: 'rate',
  unit: 'requests',
  amount: { count: 20, periodMs: 1000, burst: 100 },
  plans: [],
  calendar: null,
  queueMs: 0,
  isShared: true,
} as const;
/** The issuer speaks for everybody. */
const issuerLimit = { ...personLimit, amount: { count: 200, periodMs: 1000, burst: 1000 } } as const;

/** A logout token is as large as any other token. */
const MAX_BODY_BYTES = 32_768;

/** Places of the logins as operations; nothing of them reaches an upstream. */
export function loginApis(
  logins: readonly LoginConfig[],
  listeners: readonly ListenerConfig[],
  upstream: string,
  apis: readonly ApiConfig[],
): ApiConfig[] {
  return logins.map((login) => {
    const isSecure = login.origin.startsWith('https:');
    const names = listeners.filter(({ redirect }) => redirect === null).map(({ name }) => name);
    const operations = places.map(([step, method, place, reason]): OperationConfig => {
      const template = login.path + place;
      return {
        id: `${method} ${place}`,
        method,
        template,
        listeners: names,
        exposure: 'both',
        publicReason: reason,
        authenticate: [],
        scopes: [],
        authorize: { roles: [], own: [], fields: [] },
        limits: [step === 'back-channel' ? issuerLimit : personLimit],
        cost: 1,
        priority: 'normal',
        guesses: null,
        maxBodyBytes: MAX_BODY_BYTES,
        validate: null,
        retire: null,
        contract: {
          id: `${method} ${place}`,
          method,
          template,
          parameters: [],
          body: null,
          security: null,
          deprecated: false,
          summary: reason,
          line: 0,
          column: 0,
        },
        grpc: null,
        websocket: null,
        inspect: null,
        mask: null,
        login: { name: login.name, step },
      };
    });
    return {
      name: `login:${login.name}`,
      hosts: hostsFor(new URL(login.origin).hostname, apis),
      base: login.path,
      listeners: names,
      upstream,
      service: null,
      stripBase: false,
      admit: { allow: [], deny: [], allowLists: [], denyLists: [], places: null },
      harden: {
        securityFields: true,
        hstsSeconds: isSecure ? 31_536_000 : 0,
        removeFields: [],
        cors: null,
      },
      authorize: { policies: null, enumeration: { count: 30, periodMs: 60_000 } },
      operations,
      contractDocument: {},
      contractVersion: '3.1',
    };
  });
}
