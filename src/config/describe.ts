// The configuration in words: for every operation who may call it, under which limits, and what looks at it; and what
// an operator should think about again.
import type { ApiConfig, GateConfig, OperationConfig } from './gate-config.ts';

export interface OperationView {
  readonly api: string;
  readonly operation: string;
  readonly method: string;
  readonly hosts: readonly string[];
  readonly path: string;
  readonly listeners: readonly string[];
  /** Who may call. */
  readonly callers: readonly string[];
  /** Alternatives of scopes; empty when none is needed. */
  readonly scopes: readonly string[];
  readonly limits: readonly string[];
  readonly maxBodyBytes: number;
  readonly validated: boolean;
  readonly websocket: boolean;
  readonly upstream: string;
}

export interface Posture {
  readonly id: string;
  readonly message: string;
}

export function describeOperations(config: GateConfig): OperationView[] {
  return config.apis.flatMap((api) => api.operations.map((operation) => describe(config, api, operation)));
}

function describe(config: GateConfig, api: ApiConfig, operation: OperationConfig): OperationView {
  const callers =
    operation.publicReason !== null
      ? [`everybody (${operation.publicReason})`]
      : operation.authenticate.map((method) => {
          if (method.kind === 'api-key')
            return `API key in ${method.header} (${countText(config.consumers.length, 'consumer')})`;
          return `JWT of ${method.issuer} for ${method.audiences.join(' or ')}`;
        });
  return {
    api: api.name,
    operation: operation.id,
    method: operation.method,
    hosts: api.hosts,
    path: operation.template,
    listeners: api.listeners,
    callers,
    scopes: describeScopes(operation),
    limits: operation.limits.map(
      (limit) => `${limit.count} per ${periodText(limit.periodMs)} and ${limit.per}, burst ${limit.burst}`,
    ),
    maxBodyBytes: operation.contract.body === null ? 0 : operation.maxBodyBytes,
    validated: operation.validate !== null,
    websocket: operation.websocket !== null,
    upstream: api.upstream,
  };
}

const countText = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

/** Alternatives that no way to authenticate can fulfil say nothing to a reader. */
function describeScopes(operation: OperationConfig): string[] {
  const kinds = new Set<string>(operation.authenticate.map((method) => method.kind));
  const possible = operation.scopes.filter(({ method }) => method === 'any' || kinds.has(method));
  if (possible.every(({ scopes }) => scopes.length === 0)) return [];
  return possible.map(({ method, scopes }) => {
    const names = scopes.join(' + ') || 'no scope';
    return method === 'any' ? names : `${names} by ${method}`;
  });
}

function periodText(periodMs: number): string {
  const units: readonly (readonly [number, string])[] = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'min'],
    [1000, 's'],
  ];
  for (const [ms, unit] of units) {
    if (periodMs % ms === 0) return periodMs === ms ? unit : `${periodMs / ms} ${unit}`;
  }
  return `${periodMs} ms`;
}

const loopback = /^(?:localhost|127\.|::1$)/;

/** What is allowed but worth a second look. */
export function reviewPosture(config: GateConfig): Posture[] {
  const out: Posture[] = [];
  for (const listener of config.listeners) {
    if (listener.tls === null && !loopback.test(listener.host)) {
      out.push({
        id: 'posture-plain-http',
        message: `Listener "${listener.name}" speaks plain HTTP on ${listener.host}: tokens and keys can be read on the way.`,
      });
    }
  }
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
        .filter(test)
        .map((operation) => operation.id)
        .join(', ');
    const unlimited = names((operation) => operation.limits.length === 0);
    if (unlimited !== '')
      out.push({ id: 'posture-no-limit', message: `No rate limit in "${api.name}" for ${unlimited}.` });
    const unchecked = names((operation) => operation.validate === null);
    if (unchecked !== '')
      out.push({
        id: 'posture-not-validated',
        message: `Requests are not validated in "${api.name}" for ${unchecked}.`,
      });
    const scopeless = names((operation) => operation.publicReason === null && operation.scopes.length === 0);
    if (scopeless !== '')
      out.push({
        id: 'posture-no-scope',
        message: `Every authenticated caller may use, in "${api.name}": ${scopeless}.`,
      });
  }
  return out;
}
