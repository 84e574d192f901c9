// The configuration in words: for every operation who may call it, under which limits, and what looks at it; and what
// an operator should think about again.

import { type AuthenticationMethod, callerMethod, singleMethods } from '../guards/authenticate/contract.ts';
import type { InspectConfig } from '../guards/inspect/contract.ts';
import { parseCertificate, pemCertificates } from '../net/tls/index.ts';
import {
  describeAdmission,
  describeRules,
  isForAnyObject,
  isForEverybody,
  reviewRisk,
} from './describe-authorize.ts';
import { describeLimit } from './describe-limits.ts';
import type { ApiConfig, GateConfig, ListenerConfig, OperationConfig } from './gate-config.ts';

export { describeDetection } from './describe-detect.ts';
export { describeOutlets, type OutletView } from './describe-telemetry.ts';

export interface OperationView {
  readonly api: string;
  readonly operation: string;
  readonly method: string;
  readonly hosts: readonly string[];
  readonly path: string;
  /** Listeners that serve it; on the others of its API it does not exist. */
  readonly listeners: readonly string[];
  readonly exposure: 'public' | 'internal' | 'both';
  /** Who may call. */
  readonly callers: readonly string[];
  /** Alternatives of scopes; empty when none is needed. */
  readonly scopes: readonly string[];
  /** What else must hold. */
  readonly rules: readonly string[];
  readonly limits: readonly string[];
  readonly maxBodyBytes: number;
  readonly validated: boolean;
  /** Largest message of a gRPC method; 0 for other operations. */
  readonly grpcMessageBytes: number;
  /** What inspects requests and answers; empty when nothing does. */
  readonly inspected: string;
  readonly websocket: boolean;
  readonly upstream: string;
  /** From where one may call; empty: from everywhere. */
  readonly admits: readonly string[];
}

export interface ListenerView {
  readonly name: string;
  readonly address: string;
  readonly exposure: 'public' | 'internal';
  /** What it speaks and what it is for. */
  readonly serves: string;
  readonly certificates: readonly string[];
  /** Who may connect with a certificate; empty where none is asked for. */
  readonly clients: string;
}

export interface Posture {
  readonly id: string;
  readonly message: string;
}

export function describeListeners(config: GateConfig): ListenerView[] {
  return config.listeners.map(({ name, host, port, exposure, tls, redirect, http2 }) => ({
    name,
    address: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
    exposure,
    serves:
      redirect !== null
        ? `redirects ${redirect.hosts.join(', ')} to https, port ${redirect.port}`
        : `${tls === null ? 'plain HTTP' : `${tls.settings.minVersion} and later`}${http2 ? ', HTTP/2' : ''}`,
    certificates: tls === null ? [] : tls.certificates.map(certificateText),
    clients: clientsText(tls),
  }));
}

type Certificate = NonNullable<ListenerConfig['tls']>['certificates'][number];

function certificateText(certificate: Certificate): string {
  if (certificate.kind === 'acme')
    return `${certificate.names.join(', ')} by ACME from ${certificate.account}`;
  const [leaf] = pemCertificates(certificate.chain);
  if (leaf === undefined) return certificate.file;
  const { names, notAfterMs, mustStaple } = parseCertificate(leaf);
  const ends = new Date(notAfterMs).toISOString().slice(0, 10);
  return `${names.dns.join(', ') || 'no names'} until ${ends} (${certificate.file})${mustStaple ? ', must staple' : ''}`;
}

function clientsText(tls: ListenerConfig['tls']): string {
  const clients = tls?.settings.clients ?? null;
  if (clients === null) return '';
  const authorities = clients.anchors.reduce((sum, { pem }) => sum + pemCertificates(pem).length, 0);
  const domains = clients.anchors.map(({ trustDomain }) => trustDomain).filter((domain) => domain !== '');
  const spiffe = domains.length === 0 ? '' : ` (SPIFFE ${domains.join(', ')})`;
  return [
    `${clients.mode === 'require' ? 'required' : 'optional'}, from ${countText(authorities, 'authority', 'authorities')}${spiffe}`,
    clients.revocations.length === 0 ? 'no revocation list' : 'revocation lists',
    `known by ${clients.identity.join(', ')}`,
  ].join('; ');
}

export function describeOperations(config: GateConfig): OperationView[] {
  return config.apis.flatMap((api) => api.operations.map((operation) => describe(config, api, operation)));
}

function describe(config: GateConfig, api: ApiConfig, operation: OperationConfig): OperationView {
  const callers =
    operation.publicReason !== null
      ? [`everybody (${operation.publicReason})`]
      : operation.authenticate.map((method) => describeMethod(method, config));
  return {
    api: api.name,
    operation: operation.id,
    method: operation.method,
    hosts: api.hosts,
    path: operation.template,
    listeners: operation.listeners,
    exposure: operation.exposure,
    callers,
    scopes: describeScopes(operation),
    rules: describeRules(api, operation),
    limits: operation.limits.map((limit) => describeLimit(limit, config.cluster !== null)),
    maxBodyBytes: operation.contract.body === null ? 0 : operation.maxBodyBytes,
    validated: operation.validate !== null,
    grpcMessageBytes: operation.grpc?.maxMessageBytes ?? 0,
    inspected: operation.inspect === null ? '' : describeInspection(config, operation.inspect),
    websocket: operation.websocket !== null,
    upstream: api.upstream,
    admits: describeAdmission(api),
  };
}

const countWith = (config: GateConfig, what: 'keys' | 'identities'): number =>
  config.consumers.filter((consumer) => consumer[what].length > 0).length;

const mtlsText = (config: GateConfig, patterns: readonly string[]): string =>
  [
    `client certificate (${countText(countWith(config, 'identities'), 'consumer')}`,
    ...(patterns.length === 0 ? [] : [`, or ${patterns.join(', ')}`]),
    ')',
  ].join('');

function describeMethod(method: AuthenticationMethod, config: GateConfig): string {
  switch (method.kind) {
    case 'all-of':
      return method.methods.map((part) => describeMethod(part, config)).join(' and ');
    case 'mtls':
      return mtlsText(config, method.spiffe);
    case 'api-key':
      return `API key in ${method.header} (${keyOwners(config)})`;
    case 'jwt':
      return `JWT of ${method.issuer} for ${method.audiences.join(' or ')}${boundText[method.bound]}${subjectsText(method.subjects)}`;
    case 'session':
      return `people who log in by ${method.login}`;
    case 'signature':
      return `request signed by a consumer, covering ${method.cover.join(', ')}`;
    case 'webhook':
      return `webhook of ${method.caller}, signed in ${method.scheme.signatureField}`;
    case 'introspect': {
      const audiences = method.audiences.length === 0 ? '' : ` for ${method.audiences.join(' or ')}`;
      return `token that ${method.issuer} knows${audiences}${boundText[method.bound]}${subjectsText(method.subjects)}`;
    }
  }
}

const subjectsText = (subjects: readonly string[]): string =>
  subjects.length === 0 ? '' : `, of ${subjects.join(' or ')} alone`;

const boundText = {
  none: '',
  dpop: ', bound to a key',
  mtls: ', bound to a certificate',
  any: ', bound to a key or certificate',
} as const;

const keyOwners = (config: GateConfig): string =>
  config.state === null
    ? countText(countWith(config, 'keys'), 'consumer')
    : `${countText(countWith(config, 'keys'), 'consumer')} and those of the state`;

const countText = (count: number, what: string, many = `${what}s`): string =>
  `${count} ${count === 1 ? what : many}`;

function describeInspection(config: GateConfig, inspect: InspectConfig): string {
  const { names, ruleIds } = config.ruleSets[inspect.ruleSet]!;
  const value = (name: string, fallback: string): string =>
    inspect.variables.find((variable) => variable.name === name)?.value ?? fallback;
  const parts = [
    `${names.join(', ')} (${ruleIds.length} rules)`,
    inspect.mode === 'block' ? 'blocks' : 'detects only',
    `paranoia ${value('blocking_paranoia_level', '1')}`,
    inspect.response === null ? 'requests alone' : 'requests and answers',
  ];
  if (inspect.exclusions.length > 0) parts.push(countText(inspect.exclusions.length, 'exclusion'));
  return parts.join(', ');
}

/** Alternatives that no way to authenticate can fulfil say nothing to a reader. */
function describeScopes(operation: OperationConfig): string[] {
  const kinds = new Set<string>(singleMethods(operation.authenticate).map(({ kind }) => callerMethod(kind)));
  const possible = operation.scopes.filter(({ method }) => method === 'any' || kinds.has(method));
  if (possible.every(({ scopes }) => scopes.length === 0)) return [];
  return possible.map(({ method, scopes }) => {
    const names = scopes.join(' + ') || 'no scope';
    return method === 'any' ? names : `${names} by ${method}`;
  });
}

const loopback = /^(?:localhost|127\.|::1$)/;

/** What is allowed but worth a second look. */
export function reviewPosture(config: GateConfig): Posture[] {
  const out: Posture[] = [];
  for (const listener of config.listeners) {
    if (listener.tls === null && listener.redirect === null && !loopback.test(listener.host)) {
      out.push({
        id: 'posture-plain-http',
        message: `Listener "${listener.name}" speaks plain HTTP on ${listener.host}: tokens and keys can be read on the way.`,
      });
    }
  }
  for (const listener of config.listeners) {
    const clients = listener.tls?.settings.clients ?? null;
    if (listener.exposure === 'internal' && clients === null && !loopback.test(listener.host))
      out.push({
        id: 'posture-internal-unproven',
        message: `Internal listener "${listener.name}" asks for no client certificate: the network alone says who can reach it.`,
      });
    if (clients !== null && clients.revocations.length === 0)
      out.push({
        id: 'posture-no-revocation',
        message: `Listener "${listener.name}" has no revocation list: a stolen client certificate is good until it ends.`,
      });
  }
  const open = config.listeners.filter(({ exposure }) => exposure === 'public').map(({ name }) => name);
  if (config.telemetry.otlp?.traces?.parent === 'follow' && open.length > 0)
    out.push({
      id: 'posture-traces-follow',
      message: `Whoever reaches ${open.join(', ')} decides which traces are kept and sent (parent: follow), without a bound.`,
    });
  for (const upstream of config.upstreams) {
    if (upstream.targets.length > 1 && upstream.health === null) {
      out.push({ id: 'posture-no-health', message: `Upstream "${upstream.name}" has no health check.` });
    }
    for (const target of upstream.targets) {
      if (!target.tls && !loopback.test(target.host)) {
        out.push({
          id: 'posture-plain-upstream',
          message: `Upstream "${upstream.name}" is reached over plain HTTP (${target.url}).`,
        });
      }
    }
  }
  for (const api of config.apis) {
    const names = (test: (operation: OperationConfig) => boolean): string =>
      api.operations
        .filter((operation) => operation.login === null && test(operation))
        .map((operation) => operation.id)
        .join(', ');
    const unlimited = names((operation) => operation.limits.length === 0);
    if (unlimited !== '')
      out.push({ id: 'posture-no-limit', message: `No rate limit in "${api.name}" for ${unlimited}.` });
    const unchecked = names((operation) => operation.validate === null && operation.grpc === null);
    if (unchecked !== '')
      out.push({
        id: 'posture-not-validated',
        message: `Requests are not validated in "${api.name}" for ${unchecked}.`,
      });
    const scopeless = names((operation) => isForEverybody(api, operation));
    const uninspected = names((operation) => operation.inspect === null && operation.grpc === null);
    if (uninspected !== '')
      out.push({
        id: 'posture-not-inspected',
        message: `No rules inspect requests in "${api.name}" for ${uninspected}.`,
      });
    const detecting = names((operation) => operation.inspect?.mode === 'detect');
    if (detecting !== '')
      out.push({
        id: 'posture-detects-only',
        message: `Inspection records but does not block in "${api.name}" for ${detecting}.`,
      });
    if (scopeless !== '')
      out.push({
        id: 'posture-no-scope',
        message: `Every authenticated caller may use, in "${api.name}": ${scopeless}.`,
      });
    const objects = names((operation) => isForAnyObject(api, operation));
    if (objects !== '')
      out.push({
        id: 'posture-any-object',
        message: `Whoever may use them may name any object, in "${api.name}": ${objects}.`,
      });
  }
  return [...out, ...reviewRisk(config)];
}
