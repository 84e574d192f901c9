// One listener: where it binds and who can reach it, its certificates, whom it trusts among clients, and whether it
// serves APIs or only sends requests on to https.
import { AddressSet, parseAddress } from '../net/index.ts';
import type { ClientTrust, TrustAnchors } from '../net/tls/index.ts';
import { parseCertificate, pemCertificates } from '../net/tls/index.ts';
import type { ConfigDocument } from './document.ts';
import type { CertificateConfig, ListenerConfig, RedirectConfig } from './gate-config.ts';
import { fail, failDangling, type ResolveContext } from './resolve.ts';
import { checkCertificate, readAnchors, readNamedFile, readRevocations } from './resolve-certificates.ts';
import { checkDomains } from './resolve-services.ts';

type ListenerDocument = ConfigDocument['listeners'][string];
type TlsDocument = NonNullable<ListenerDocument['tls']>;

/** Loopback, private use, shared address space, link-local; unique local in IPv6 (RFC 6890). */
const privateBlocks = new AddressSet([
  '127.0.0.0/8',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '169.254.0.0/16',
  '100.64.0.0/10',
  '::1/128',
  'fc00::/7',
  'fe80::/10',
]);

export function resolveListener(
  name: string,
  entry: ListenerDocument,
  document: ConfigDocument,
  context: ResolveContext,
): ListenerConfig {
  const isInternal = entry.exposure === 'internal';
  const host = entry.host ?? (isInternal ? '127.0.0.1' : '0.0.0.0');
  if (isInternal && host !== 'localhost' && (parseAddress(host) === null || !privateBlocks.has(host))) {
    fail(
      context,
      'config-exposure',
      ['listeners', name, 'host'],
      `The internal listener "${name}" would listen on ${host}, which is no private address.`,
      'Bind it to one private or loopback address, or leave "host" out.',
    );
  }
  return {
    name,
    host,
    port: entry.port,
    exposure: entry.exposure,
    tls: entry.tls === undefined ? null : resolveTls(name, entry.tls, document, context),
    redirect: resolveRedirect(name, entry, document, context),
    http2: entry.http2 ?? entry.tls !== undefined,
    proxyProtocolFrom: entry['proxy-protocol']?.from ?? [],
    trustedProxies: entry['trusted-proxies'],
  };
}

function resolveTls(
  name: string,
  tls: TlsDocument,
  document: ConfigDocument,
  context: ResolveContext,
): ListenerConfig['tls'] {
  return {
    settings: {
      minVersion: tls['min-version'],
      unknownName: tls['unknown-name'],
      clients: resolveClients(name, tls, document, context),
    },
    staple: tls.staple,
    certificates: resolveCertificates(name, tls, document, context),
  };
}

function resolveCertificates(
  name: string,
  tls: TlsDocument,
  document: ConfigDocument,
  context: ResolveContext,
): CertificateConfig[] {
  const path = ['listeners', name, 'tls'];
  const isSingle = tls.certificate !== undefined && tls.key !== undefined;
  const entries = isSingle ? [{ certificate: tls.certificate!, key: tls.key! }] : (tls.certificates ?? []);
  const claimed = new Set<string>();
  return entries.flatMap((entry, index): CertificateConfig[] => {
    const place = isSingle ? path : [...path, 'certificates', index];
    if ('acme' in entry) {
      if (!Object.hasOwn(document.acme, entry.acme))
        failDangling(context, [...place, 'acme'], 'ACME authority', entry.acme, Object.keys(document.acme));
      const wildcard = entry.names.find((host) => host.startsWith('*.'));
      if (wildcard !== undefined)
        fail(
          context,
          'config-acme',
          [...place, 'names'],
          `"${wildcard}" can not be proven by a challenge over TLS or HTTP.`,
          'Name the hosts one by one, or bring the certificate as a file.',
        );
      reportClaimed(entry.names, claimed, [...place, 'names'], context);
      return [{ kind: 'acme', account: entry.acme, names: entry.names }];
    }
    const chain = readNamedFile(entry.certificate, 'certificate', [...place, 'certificate'], context);
    if (chain === null) return [];
    if (!checkCertificate(chain, entry.key, [...place, 'certificate'], context)) return [];
    if (!isSingle) {
      const names = namesOf(chain);
      reportClaimed(names, claimed, [...place, 'certificate'], context);
      if (names.length === 0 && index > 0)
        context.diagnostics.warning(
          'config-certificate-names',
          context.source.place([...place, 'certificate']),
          `${entry.certificate} names no host, so that no client can ask for it.`,
          'Server names stand in the certificate as subjectAltName.',
        );
    }
    return [{ kind: 'file', file: entry.certificate, chain, key: entry.key }];
  });
}

function namesOf(chain: string): readonly string[] {
  const [leaf] = pemCertificates(chain);
  return leaf === undefined ? [] : parseCertificate(leaf).names.dns;
}

function reportClaimed(
  names: readonly string[],
  claimed: Set<string>,
  path: readonly (string | number)[],
  context: ResolveContext,
): void {
  const twice = names.filter((name) => claimed.has(name));
  for (const name of names) claimed.add(name);
  if (twice.length > 0)
    context.diagnostics.warning(
      'config-certificate-names',
      context.source.place(path),
      `Another certificate of this listener answers for ${twice.join(', ')} already.`,
      'The first certificate in the list with a name is served.',
    );
}

/** Stands under `trust` for the authority of `identity.services`. */
const OWN_AUTHORITY = 'gatewright';

function resolveClients(
  name: string,
  tls: TlsDocument,
  document: ConfigDocument,
  context: ResolveContext,
): ClientTrust | null {
  if (tls.clients === 'none') return null;
  const path = ['listeners', name, 'tls'];
  const anchors: TrustAnchors[] = [];
  const domains: string[] = [];
  tls.trust.forEach((entry, index) => {
    const domainOf =
      entry === OWN_AUTHORITY
        ? (document.identity.services?.['trust-domain'] ?? '')
        : typeof entry === 'object' && 'federated' in entry
          ? entry.federated
          : null;
    if (domainOf !== null) {
      checkDomains([domainOf], [...path, 'trust', index], document, context);
      domains.push(domainOf);
      return;
    }
    if (typeof entry === 'object' && 'federated' in entry) return;
    const { file, domain } =
      typeof entry === 'string'
        ? { file: entry, domain: '' }
        : { file: entry.file, domain: entry['trust-domain'] };
    const found = readAnchors(file, domain, [...path, 'trust', index], context);
    if (found !== null) anchors.push(found);
  });
  return {
    mode: tls.clients,
    anchors,
    domains,
    revocations: readRevocations(tls.crl, anchors, [...path, 'crl'], context),
    identity: tls.identity,
  };
}

/** Hosts of the APIs that the target listener can serve; null when one of them takes any host. */
function hostsServedOn(listener: string, document: ConfigDocument): string[] | null {
  const apis = Object.values(document.apis).filter(
    (api) => api.listeners === undefined || api.listeners.includes(listener),
  );
  if (apis.some((api) => api.hosts.length === 0)) return null;
  return [...new Set(apis.flatMap((api) => api.hosts.map((host) => host.toLowerCase())))];
}

function resolveRedirect(
  name: string,
  entry: ListenerDocument,
  document: ConfigDocument,
  context: ResolveContext,
): RedirectConfig | null {
  const redirect = entry['redirect-to-https'];
  if (redirect === undefined) return null;
  const path = ['listeners', name, 'redirect-to-https'];
  const target = Object.hasOwn(document.listeners, redirect.listener)
    ? document.listeners[redirect.listener]
    : undefined;
  if (target === undefined) {
    failDangling(
      context,
      [...path, 'listener'],
      'listener',
      redirect.listener,
      Object.keys(document.listeners),
    );
    return null;
  }
  if (entry.tls !== undefined)
    fail(
      context,
      'config-redirect',
      path,
      `"${name}" speaks TLS already.`,
      'Redirect from a plain listener.',
    );
  if (target.tls === undefined)
    fail(
      context,
      'config-redirect',
      [...path, 'listener'],
      `"${redirect.listener}" speaks no TLS.`,
      'Redirect to a listener with tls.',
    );
  const hosts = redirect.hosts ?? hostsServedOn(redirect.listener, document);
  if (hosts === null || hosts.length === 0) {
    fail(
      context,
      'config-redirect',
      path,
      `The APIs on "${redirect.listener}" name no hosts, so that there is no safe place to redirect to.`,
      'Add "hosts: [ api.example.com ]" here or to the APIs.',
    );
  }
  return { hosts: hosts ?? [], port: redirect.port ?? target.port };
}
