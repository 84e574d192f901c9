// The authorization server: what it needs besides its own section, and the issuer that it brings, which methods name like any
// other.
import { resolve } from 'node:path';
import type { IssuerConfig } from '../guards/authenticate/contract.ts';
import { refuseUrl } from '../net/index.ts';
import { type AuthorizationServerConfig, BUILT_IN_ISSUER } from '../oauth/contract.ts';
import type { ConfigDocument } from './document.ts';
import type { ApiConfig } from './gate-config.ts';
import { fail, failDangling, type ResolveContext } from './resolve.ts';

const place = ['identity', 'authorization-server'];

/** `document` with the built-in issuer among the others; the same where there is none. */
export function withBuiltInIssuer(document: ConfigDocument, context: ResolveContext): ConfigDocument {
  const server = document.identity['authorization-server'];
  if (server === undefined) return document;
  const { issuers } = document.identity;
  if (Object.hasOwn(issuers, BUILT_IN_ISSUER)) {
    fail(
      context,
      'config-value',
      ['identity', 'issuers', BUILT_IN_ISSUER],
      `"${BUILT_IN_ISSUER}" is the name of the gate's own server.`,
      'Give it another name.',
    );
    return document;
  }
  const entry: ConfigDocument['identity']['issuers'][string] = {
    issuer: server.issuer,
    jwks: { url: `${server.issuer}/jwks` },
    introspect: {
      url: `${server.issuer}/introspect`,
      'client-id': BUILT_IN_ISSUER,
      'client-secret': BUILT_IN_ISSUER,
      cache: 30_000,
      'negative-cache': 5000,
    },
    fetch: { ca: '', 'bearer-file': '', private: false },
    algorithms: [server.algorithm],
    profile: 'rfc9068',
    types: [],
    'clock-skew': 5000,
    refresh: 600_000,
    'refetch-after': 1000,
    'max-stale': 604_800_000,
    'groups-claim': undefined,
  } as never;
  return {
    ...document,
    identity: { ...document.identity, issuers: { ...issuers, [BUILT_IN_ISSUER]: entry } },
  };
}

/** The built-in issuer asks nobody over the network: its keys and answers come from the main thread. */
export const builtIn = (issuer: IssuerConfig): IssuerConfig =>
  issuer.name === BUILT_IN_ISSUER ? { ...issuer, keys: { kind: 'built-in' } } : issuer;

/** What is told to clients with certificates must be served, on a listener that asks for them. */
function checkMtlsOrigin(
  document: ConfigDocument,
  serving: readonly ApiConfig[],
  context: ResolveContext,
): void {
  const origin = document.identity['authorization-server']?.['mtls-origin'];
  if (origin === undefined) return;
  const { hostname } = new URL(origin);
  const asks = Object.values(document.listeners).some(
    ({ tls }) => tls !== undefined && tls.clients !== 'none',
  );
  if (!asks)
    fail(
      context,
      'config-value',
      [...place, 'mtls-origin'],
      'No listener asks clients for their certificates.',
      'Add "clients: optional" and "trust" to the tls of one.',
    );
  for (const { name, hosts } of serving)
    if (hosts.length > 0 && !hosts.includes(hostname))
      fail(
        context,
        'config-value',
        [...place, 'mtls-origin'],
        `"${name}" is not served under ${hostname}.`,
        `Add ${hostname} to apis.${name}.hosts.`,
      );
}

export function resolveAuthorizationServer(
  document: ConfigDocument,
  apis: readonly ApiConfig[],
  context: ResolveContext,
): AuthorizationServerConfig | null {
  const entry = document.identity['authorization-server'];
  const serving = apis.filter(({ service }) => service === 'authorization-server');
  if (entry === undefined) {
    for (const { name } of serving)
      fail(
        context,
        'config-service',
        ['apis', name, 'service'],
        'The authorization server is not set up.',
        'Add "identity: { authorization-server: { issuer: https://login.example.com } }".',
      );
    return null;
  }
  const refused = refuseUrl(entry.issuer, 'anywhere');
  if (refused !== null)
    fail(context, 'config-value', [...place, 'issuer'], `Logins would not be safe there: ${refused}.`);
  if (document.state === undefined || ('postgres' in document.state && document.state.seal === undefined))
    fail(
      context,
      'config-state-missing',
      place,
      'The authorization server has no place for its keys and users.',
      'Add "state: { sqlite: ./state.db }", or "seal" to a PostgreSQL.',
    );
  const { hostname, pathname } = new URL(entry.issuer);
  const base = pathname.replace(/\/$/, '');
  if (serving.length === 0)
    fail(
      context,
      'config-service',
      place,
      'No API is answered by the authorization server, so nobody could reach it.',
      `Add "apis: { login: { service: authorization-server, hosts: [ ${hostname} ]${base === '' ? '' : `, base: ${base}`} } }".`,
    );
  for (const api of serving)
    if (api.base !== base)
      fail(
        context,
        'config-service',
        ['apis', api.name],
        `Its paths begin with "${api.base}", and those of the issuer with "${base}".`,
        'Both are part of what clients compare; make them the same.',
      );
  checkMtlsOrigin(document, serving, context);
  if (entry['private-clients'] && entry.registration !== 'off')
    fail(
      context,
      'config-value',
      [...place, 'private-clients'],
      'Programs that register themselves would choose what is asked inside the network.',
      'Leave one of the two out.',
    );
  const uris = entry.resources.map(({ uri }) => uri);
  uris.forEach((uri, index) => {
    if (uris.indexOf(uri) !== index)
      fail(context, 'config-value', [...place, 'resources', index, 'uri'], `"${uri}" is there twice.`);
  });
  const wanted = entry['default-resource'];
  if (wanted !== '' && !uris.includes(wanted))
    failDangling(context, [...place, 'default-resource'], 'resource', wanted, uris);
  for (const [name, { issuer }] of Object.entries(entry.federation)) {
    const reason = refuseUrl(issuer, 'anywhere');
    if (reason !== null)
      fail(
        context,
        'config-value',
        [...place, 'federation', name, 'issuer'],
        `It would not be asked: ${reason}.`,
      );
  }
  const { lifetimes, passwords } = entry;
  return {
    issuer: entry.issuer,
    title: entry.title,
    resources: entry.resources.map(({ uri, scopes, format, lifetime }) => ({
      uri,
      scopes,
      format,
      lifetimeMs: lifetime,
    })),
    defaultResource: wanted,
    algorithm: entry.algorithm,
    rotateMs: entry.rotate,
    codeMs: lifetimes.code,
    idTokenMs: lifetimes['id-token'],
    refreshMs: lifetimes.refresh,
    sessionMs: lifetimes.session,
    deviceMs: lifetimes.device,
    scopeTexts: entry.scopes,
    federation: Object.entries(entry.federation).map(([name, provider]) => ({
      name,
      label: provider.label,
      issuer: provider.issuer,
      clientId: provider['client-id'],
      clientSecret: provider['client-secret'],
      scopes: provider.scopes,
      users: provider.users,
      userScopes: provider['user-scopes'],
      ca: provider.ca === '' ? '' : resolve(context.folder, provider.ca),
      mayBePrivate: provider.private,
    })),
    requirePar: entry['require-par'],
    registration: entry.registration,
    privateClients: entry['private-clients'],
    mtlsOrigin: entry['mtls-origin'] ?? '',
    secondFactor: entry['second-factor'],
    passwords: {
      memoryKib: passwords['memory-kib'],
      passes: passwords.passes,
      lanes: passwords.lanes,
      concurrency: passwords.concurrency,
      queue: passwords.queue,
    },
  };
}
