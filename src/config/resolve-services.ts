// Service identities from end to end: they need a state with a seal, sockets of their own, and bundles that can be read.
import { resolve } from 'node:path';
import { BundleError, parseBundle } from '../identity/services/bundle.ts';
import type {
  FederationConfig,
  ServicesConfig,
  WorkloadSocketConfig,
} from '../identity/services/settings.ts';
import type { ConfigDocument } from './document.ts';
import { fail, failDangling, type ResolveContext } from './resolve.ts';
import { readAnchors, readNamedFile } from './resolve-certificates.ts';
import type { Path } from './yaml-source.ts';

/** Shorter SVIDs would be renewed all the time, ms; longer ones are not short-lived. */
const MIN_LIFE_MS = 60_000;
const MAX_LIFE_MS = 7 * 86_400_000;
const MAX_JWT_LIFE_MS = 86_400_000;
/** What a Unix socket's address holds, less what the place adds where it is made. */
const MAX_SOCKET_PATH = 98;

export function resolveServices(document: ConfigDocument, context: ResolveContext): ServicesConfig | null {
  const { services } = document.identity;
  if (services === undefined) return null;
  const path = ['identity', 'services'];
  if (document.state === undefined)
    fail(
      context,
      'config-state-missing',
      path,
      'The authority for services has no place to be kept.',
      'Add "state: { sqlite: ./state.db }".',
    );
  const ranges = [
    ['x509-life', MAX_LIFE_MS],
    ['jwt-life', MAX_JWT_LIFE_MS],
  ] as const;
  for (const [key, most] of ranges) {
    if (services[key] < MIN_LIFE_MS || services[key] > most)
      fail(context, 'config-value', [...path, key], `"${key}" must be from 1m to ${most / 86_400_000}d.`);
  }
  return {
    trustDomain: services['trust-domain'],
    gate: services.gate,
    x509LifeMs: services['x509-life'],
    jwtLifeMs: services['jwt-life'],
    rotateMs: services.rotate,
    refreshHintMs: services['refresh-hint'],
    sockets: resolveSockets(services.sockets, context),
    clusters: Object.entries(services.kubernetes).map(([name, entry]) => {
      const at = [...path, 'kubernetes', name];
      const shared = {
        ca: entry.ca === undefined ? '' : (readAnchors(entry.ca, '', [...at, 'ca'], context)?.pem ?? ''),
        bearerFile: entry['bearer-file'] === '' ? '' : resolve(context.folder, entry['bearer-file']),
      };
      return {
        name,
        audience: entry.audience,
        verify:
          entry.review !== undefined
            ? { kind: 'review' as const, url: entry.review, ...shared }
            : { kind: 'jwks' as const, issuer: entry.issuer!, url: entry.jwks!, ...shared },
      };
    }),
    federation: Object.entries(services.federation).map(([domain, entry]) => {
      const at = [...path, 'federation', domain];
      if (domain === services['trust-domain'])
        fail(context, 'config-value', at, `${domain} is the gate's own trust domain.`);
      return resolveFederation(domain, entry, at, context);
    }),
  };
}

/** Reports trust domains that the gate knows nothing of. */
export function checkDomains(
  domains: readonly string[],
  path: Path,
  document: ConfigDocument,
  context: ResolveContext,
): void {
  const { services } = document.identity;
  if (services === undefined) {
    fail(
      context,
      'config-trust-domain',
      path,
      'There is no authority for services.',
      'Add "services: { trust-domain: example.org }" to identity.',
    );
    return;
  }
  const known = [services['trust-domain'], ...Object.keys(services.federation)];
  for (const domain of domains)
    if (!known.includes(domain)) failDangling(context, path, 'trust domain', domain, known);
}

function resolveFederation(
  trustDomain: string,
  entry: NonNullable<ConfigDocument['identity']['services']>['federation'][string],
  path: readonly string[],
  context: ResolveContext,
): FederationConfig {
  const at = [...path, 'bundle'];
  const bundle = entry.bundle === undefined ? '' : (readNamedFile(entry.bundle, 'bundle', at, context) ?? '');
  try {
    if (bundle !== '') parseBundle(bundle, trustDomain);
  } catch (error) {
    if (!(error instanceof BundleError)) throw error;
    fail(context, 'config-trust', at, `${entry.bundle} is no bundle of ${trustDomain}: ${error.message}.`);
  }
  return {
    trustDomain,
    url: entry.url ?? '',
    profile: entry.profile,
    endpointId: entry['endpoint-id'] ?? '',
    ca: entry.ca === undefined ? '' : (readAnchors(entry.ca, '', [...path, 'ca'], context)?.pem ?? ''),
    bundle,
  };
}

function resolveSockets(
  sockets: NonNullable<ConfigDocument['identity']['services']>['sockets'],
  context: ResolveContext,
): WorkloadSocketConfig[] {
  const seen = new Map<string, string>();
  return sockets.map(({ path, service, mode, group }, index) => {
    const at = ['identity', 'services', 'sockets', index, 'path'];
    const full = resolve(context.folder, path);
    if (seen.has(full)) fail(context, 'config-value', at, `Two sockets have the path ${path}.`);
    seen.set(full, service);
    if (Buffer.byteLength(full) > MAX_SOCKET_PATH)
      fail(
        context,
        'config-value',
        at,
        `The path of a socket has at most ${MAX_SOCKET_PATH} bytes: ${full}.`,
      );
    const bits = Number.parseInt(mode, 8);
    if ((bits & 0o002) !== 0)
      context.diagnostics.warning(
        'config-socket-mode',
        context.source.place(at),
        `Everybody on this machine can be the service "${service}".`,
        'Take the right to write from others: mode "0660" with the group of the service.',
      );
    return { path: full, service, mode: bits, group: group ?? null };
  });
}
