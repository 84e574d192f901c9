// From the valid document to the configuration that threads compile: names are looked up, contracts and certificates
// read, defaults combined. An operation that nobody must authenticate for does not get through unless it says so.
import { resolve } from 'node:path';
import { auditActions } from '../audit/index.ts';
import { closestName, type DiagnosticId, type Diagnostics } from '../core/index.ts';
import { canonicalSubject, normaliseEmail } from '../net/tls/index.ts';
import type { ConfigDocument } from './document.ts';
import type { AcmeAccountConfig, GateConfig } from './gate-config.ts';
import { resolveAddressLists } from './resolve-admission.ts';
import { resolveApi } from './resolve-api.ts';
import { resolveDecisions, resolveIdentity, resolveRelations } from './resolve-authorize.ts';
import { readAnchors } from './resolve-certificates.ts';
import { resolveCluster } from './resolve-cluster.ts';
import { resolveDetect } from './resolve-detect.ts';
import { resolveExport } from './resolve-export.ts';
import { resolveGeography } from './resolve-geography.ts';
import { resolveFailures } from './resolve-guesses.ts';
import { resolveForward, resolveIssuer, resolveSignatureKeys } from './resolve-identity.ts';
import { RuleSets } from './resolve-inspect.ts';
import { resolveIntel } from './resolve-intel.ts';
import { resolveMembership } from './resolve-limits.ts';
import { resolveListener } from './resolve-listener.ts';
import { loginApis, resolveLogins } from './resolve-login.ts';
import { reportMtls } from './resolve-mtls.ts';
import { builtIn, resolveAuthorizationServer, withBuiltInIssuer } from './resolve-oauth.ts';
import { resolveRisk } from './resolve-risk.ts';
import { controlUpstreamConfig } from './resolve-service.ts';
import { resolveServices } from './resolve-services.ts';
import { resolveTelemetry } from './resolve-telemetry.ts';
import { resolveUpstream } from './resolve-upstream.ts';
import { resolveStateConfig, resolveVault } from './resolve-vault.ts';
import type { VaultValue } from './vault-references.ts';
import type { Path, YamlSource } from './yaml-source.ts';

export interface ResolveContext {
  /** Absolute path of the file or folder. */
  readonly file: string;
  /** Folder that relative paths start from. */
  readonly folder: string;
  readonly source: YamlSource;
  readonly diagnostics: Diagnostics;
  /** Files read so far; more are added. */
  readonly files: string[];
  readonly defaultWorkers: number;
  /** Values of references into the vault, by what stands between `${vault:` and `}`. */
  readonly secrets: ReadonlyMap<string, VaultValue>;
}

export function resolveDocument(written: ConfigDocument, context: ResolveContext): GateConfig {
  const document = withBuiltInIssuer(written, context);
  const listeners = Object.entries(document.listeners).map(([name, entry]) =>
    resolveListener(name, entry, document, context),
  );
  if (listeners.length === 0)
    fail(context, 'config-empty', ['listeners'], 'There is no listener.', 'Add "public: { port: 8080 }".');
  const upstreams = Object.entries(document.upstreams).map(([name, entry]) =>
    resolveUpstream(name, entry, document, context),
  );
  const issuers = Object.entries(document.identity.issuers).map(([name, entry]) =>
    builtIn(resolveIssuer(name, entry, context)),
  );
  const acme = Object.entries(document.acme).map(([name, entry]) => resolveAcme(name, entry, context));
  reportAcme(listeners, acme, context);
  checkKeys(document, context);
  const identity = resolveIdentity(document, context);
  const signatureKeys = resolveSignatureKeys(document, context);
  const ruleSets = new RuleSets(context);
  const apis = Object.entries(document.apis).flatMap(([name, entry]) => {
    const api = resolveApi(name, entry, document, ruleSets, context);
    return api === null ? [] : [api];
  });
  const logins = resolveLogins(document, context);
  upstreams.push(...(apis.some(({ service }) => service !== null) ? [controlUpstreamConfig] : []));
  apis.push(...loginApis(logins, listeners, upstreams[0]?.name ?? '', apis));
  checkCollisions(apis, context);
  reportMtls(document, listeners, apis, context);
  const { http } = document;
  return {
    file: context.file,
    listeners,
    upstreams,
    issuers,
    consumers: Object.entries(document.identity.consumers).map(([id, entry]) => ({
      id,
      scopes: entry.scopes,
      keys: entry.keys.map((key) => ({
        id: key.id,
        sha256: key.sha256,
        createdMs: key.created === undefined ? null : Date.parse(key.created),
        expiresMs: key.expires === undefined ? null : Date.parse(key.expires),
        scopes: key.scopes ?? null,
        addresses: key.addresses,
      })),
      identities: entry.certificates.map(certificateIdentity),
      signatureKeys: signatureKeys.get(id) ?? [],
    })),
    acme,
    apis,
    dpop: {
      algorithms: document.identity.dpop.algorithms,
      maxAgeMs: document.identity.dpop['max-age'],
      clockSkewMs: document.identity.dpop['clock-skew'],
      nonce: document.identity.dpop.nonce,
    },
    logins,
    forward: resolveForward(document, context),
    services: resolveServices(document, context),
    authorizationServer: resolveAuthorizationServer(document, apis, context),
    rotation: {
      maxAgeMs: document.identity.rotation['max-age'],
      reportMs: document.identity.rotation.report,
    },
    state:
      document.state === undefined
        ? null
        : resolveStateConfig(document.state, document.vault, context.folder),
    addressLists: resolveAddressLists(document, context),
    detect: resolveDetect(document, context),
    bans: { never: document.bans.never, longestMs: document.bans.longest },
    overload: { delayMs: document.overload.delay, memoryBytes: document.overload.memory ?? 0 },
    failures: resolveFailures(document.identity.failures),
    planPriorities: document.identity.plans.priorities,
    cluster: resolveCluster(document.cluster),
    audit: resolveAudit(document.audit, context),
    vault: resolveVault(document, context),
    export: resolveExport(document, context),
    intel: resolveIntel(document, context),
    identity,
    membership: resolveMembership(document),
    relations: resolveRelations(document.relations, context),
    risk: resolveRisk(document, context),
    geography: resolveGeography(document, context),
    decisions: resolveDecisions(document.decisions, context),
    ruleSets: ruleSets.all,
    http: {
      maxHeadBytes: http['max-head'],
      maxFields: http['max-fields'],
      maxTargetBytes: http['max-target'],
      headTimeoutMs: http['head-timeout'],
      bodyTimeoutMs: http['body-timeout'],
      idleTimeoutMs: http['idle-timeout'],
      minBytesPerSecond: http['min-rate'],
      maxRequestsPerConnection: http['max-requests'],
      maxConnections: http['max-connections'],
      maxConnectionsPerAddress: http['max-connections-per-address'],
    },
    telemetry: resolveTelemetry(document.telemetry, context),
    workers: document.workers === 'auto' ? context.defaultWorkers : document.workers,
    drainMs: document.drain,
    watchedFiles: [...new Set(context.files)],
  };
}

function resolveAudit(entry: ConfigDocument['audit'], context: ResolveContext): GateConfig['audit'] {
  if (entry === undefined) return null;
  const { folder, origin, seal, refusals, keep } = entry;
  const path = ['audit', 'witnesses'];
  for (const name of Object.keys(keep))
    if (
      name !== '*' &&
      (name.startsWith('audit') || !auditActions.some((one) => `${one}.`.startsWith(`${name}.`)))
    )
      fail(
        context,
        'config-value',
        ['audit', 'keep', name],
        name.startsWith('audit')
          ? 'Entries about the trail itself always stay.'
          : `There is no action "${name}".`,
        `Actions are ${auditActions.filter((one) => !one.startsWith('audit.')).join(', ')}.`,
      );
  return {
    folder: resolve(context.folder, folder),
    origin,
    secret: seal ?? null,
    refusals,
    credentialUsesMs: entry['credential-uses'],
    mldsa: entry['ml-dsa'],
    witnesses: Object.entries(entry.witnesses).map(([name, { url, keys, ca }]) => ({
      name,
      url,
      keys,
      ca: ca === '' ? '' : (readAnchors(ca, '', [...path, name, 'ca'], context)?.pem ?? ''),
    })),
    witnessEveryMs: entry['witness-every'],
    keepMs: keep,
  };
}

export function fail(
  context: ResolveContext,
  id: DiagnosticId,
  path: Path,
  message: string,
  suggestion = '',
): void {
  context.diagnostics.error(id, context.source.place(path), message, suggestion);
}

/** Reports a name that stands for nothing. */
export function failDangling(
  context: ResolveContext,
  path: Path,
  what: string,
  name: string,
  known: readonly string[],
): void {
  const near = closestName(name, known);
  const suggestion =
    near !== null ? `Did you mean "${near}"?` : known.length === 0 ? '' : `There are: ${known.join(', ')}.`;
  fail(context, 'config-dangling-name', path, `There is no ${what} "${name}".`, suggestion);
}

/** The challenge over HTTP is answered on plain listeners. */
function reportAcme(
  listeners: GateConfig['listeners'],
  acme: readonly AcmeAccountConfig[],
  context: ResolveContext,
): void {
  if (listeners.some(({ tls }) => tls === null)) return;
  for (const { name, challenge } of acme) {
    if (challenge !== 'http-01') continue;
    fail(
      context,
      'config-acme',
      ['acme', name, 'challenge'],
      'There is no plain listener that could answer the challenge http-01.',
      'Add one that the authority reaches at port 80, or use tls-alpn-01.',
    );
  }
}

function resolveAcme(
  name: string,
  entry: ConfigDocument['acme'][string],
  context: ResolveContext,
): AcmeAccountConfig {
  const ca = entry.ca === undefined ? null : readAnchors(entry.ca, '', ['acme', name, 'ca'], context);
  return {
    name,
    directory: entry.directory,
    contact: entry.contact,
    store: resolve(context.folder, entry.store),
    challenge: entry.challenge,
    externalAccount: entry['external-account'] ?? null,
    ca: ca?.pem ?? '',
  };
}

/** One key belongs to one consumer, and so does one name of a certificate. */
function checkKeys(document: ConfigDocument, context: ResolveContext): void {
  const owners = new Map<string, string>();
  for (const [name, consumer] of Object.entries(document.identity.consumers)) {
    consumer.keys.forEach((key, index) => {
      const owner = owners.get(key.sha256);
      const path = ['identity', 'consumers', name, 'keys', index, 'sha256'];
      if (owner !== undefined)
        fail(context, 'config-duplicate-key', path, `This key belongs to "${owner}" already.`);
      owners.set(key.sha256, name);
    });
    consumer.certificates.forEach((entry, index) => {
      const identity = certificateIdentity(entry);
      const owner = owners.get(identity);
      const path = ['identity', 'consumers', name, 'certificates', index];
      if (owner !== undefined)
        fail(context, 'config-duplicate-key', path, `This certificate belongs to "${owner}" already.`);
      owners.set(identity, name);
    });
  }
}

type CertificateName = ConfigDocument['identity']['consumers'][string]['certificates'][number];

/** The identity that a name in the file stands for, as connections carry it. */
function certificateIdentity(name: CertificateName): string {
  if ('spiffe' in name) return `spiffe:${name.spiffe}`;
  if ('dns' in name) return `dns:${name.dns}`;
  if ('uri' in name) return `uri:${name.uri}`;
  if ('email' in name) return `email:${normaliseEmail(name.email) ?? name.email}`;
  const attributes = Object.entries(name.subject).flatMap(([attribute, value]) =>
    [value].flat().map((text): [string, string] => [attribute, text]),
  );
  return `subject:${canonicalSubject(attributes)}`;
}

/** Two operations must not claim the same requests. */
function checkCollisions(apis: GateConfig['apis'], context: ResolveContext): void {
  const claimed = new Map<string, string>();
  for (const api of apis) {
    for (const operation of api.operations) {
      const shape = operation.template.replace(/\{[^{}]*\}/g, '{}');
      for (const listener of operation.listeners) {
        for (const host of api.hosts.length === 0 ? ['*'] : api.hosts) {
          const key = `${listener} ${host} ${operation.method} ${shape}`;
          const other = claimed.get(key);
          if (other !== undefined && other !== api.name) {
            fail(
              context,
              'config-collision',
              ['apis', api.name],
              `"${api.name}" and "${other}" both serve ${operation.method} ${operation.template}.`,
              'Give them different hosts, bases or listeners.',
            );
          }
          claimed.set(key, api.name);
        }
      }
    }
  }
}
