// APIs with their use and posture, who can call what, and limits: the configuration that is being served, seen together with the
// traffic that it met.
import { describeOperations, type OperationView } from '../config/describe.ts';
import type { ApiConfig, GateConfig, OperationConfig } from '../config/index.ts';
import { CaseJudge, CaseProblem, caseSchema } from '../decisions/index.ts';
import { IdentityRegistry } from '../identity/index.ts';
import { type AdminHandler, type AdminParts, AdminProblem } from './contract.ts';
import { postureOf } from './posture.ts';
import type { Traffic } from './traffic.ts';

const HOUR_S = 3600;

const ofServices = (api: ApiConfig): boolean => api.service === null && !api.name.startsWith('login:');

export function apiHandlers(parts: AdminParts, traffic: Traffic) {
  const operationsOf = (config: GateConfig): ReturnType<typeof withUse>[] => {
    const shown = new Map(config.apis.filter(ofServices).map((api) => [api.name, api]));
    return describeOperations(config).flatMap((view) => {
      const operation = shown.get(view.api)?.operations.find(({ id }) => id === view.operation);
      return operation === undefined ? [] : [withUse(view, operation, traffic)];
    });
  };
  const apiOf = (api: ApiConfig, operations: readonly ReturnType<typeof withUse>[], config: GateConfig) => {
    const own = operations.filter((operation) => operation.api === api.name);
    const sum = (key: 'requests' | 'refused'): number => own.reduce((total, one) => total + one[key], 0);
    return {
      name: api.name,
      title: titleOf(api),
      hosts: api.hosts,
      base: api.base,
      listeners: api.listeners,
      upstream: api.upstream,
      service: api.service,
      operations: own.length,
      requests: sum('requests'),
      refused: sum('refused'),
      silent: own.filter(({ requests }) => requests === 0).length,
      ...postureOf(api, config),
    };
  };

  return {
    listApis: () => {
      const config = parts.config();
      const operations = operationsOf(config);
      const undocumented = [...traffic.uses.unknown.values()]
        .sort((a, b) => b.requests - a.requests)
        .slice(0, 200)
        .map(({ method, path, requests, clients, lastMs }) => ({
          method,
          path,
          requests,
          clients: clients.size,
          lastMs,
        }));
      const items = config.apis.filter(ofServices).map((api) => apiOf(api, operations, config));
      return { status: 200, body: { sinceMs: traffic.sinceMs, items, undocumented } };
    },

    getApi: (request) => {
      const config = parts.config();
      const api = config.apis.find((one) => one.name === request.params['api'] && ofServices(one));
      if (api === undefined) throw new AdminProblem('resource-unknown', 'There is no API of this name.');
      const operations = operationsOf(config);
      return {
        status: 200,
        body: {
          api: apiOf(api, operations, config),
          operations: operations.filter((one) => one.api === api.name),
        },
      };
    },

    getPolicies: async () => {
      const config = parts.config();
      const state = parts.state();
      const stored =
        state === null ? [] : await new IdentityRegistry(state.identity, parts.clock).principals();
      const shown = config.apis.filter(ofServices);
      const callers = [
        ...config.consumers.map(({ id, scopes }) => ({
          id,
          kind: 'consumer',
          source: 'configuration' as const,
          scopes,
        })),
        ...stored
          .filter(({ disabledMs }) => disabledMs === null)
          .map(({ id, kind, scopes }) => ({ id, kind, source: 'state' as const, scopes })),
      ].map((caller) => {
        const roles = rolesOf(caller.id, config);
        const may = shown.flatMap((api) =>
          api.operations
            .filter((operation) => mayCall(operation, caller.scopes, roles))
            .map(({ id }) => `${api.name}/${id}`),
        );
        return { ...caller, roles, may };
      });
      const files = shown.flatMap((api) => {
        const sources = new Map(
          (api.authorize.policies ?? []).map(({ source }) => [source.file, source.text]),
        );
        return [...sources].map(([file, text]) => ({ api: api.name, file, text }));
      });
      return { status: 200, body: { operations: operationsOf(config), callers, files } };
    },

    simulate: async (request) => {
      const parsed = caseSchema.safeParse(request.body);
      if (!parsed.success) {
        const [issue] = parsed.error.issues;
        throw new AdminProblem('body-invalid', `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
      }
      try {
        const {
          allowed,
          public: isPublic,
          code,
          policy,
          rules,
        } = await new CaseJudge(parts.config()).judge(parsed.data);
        return {
          status: 200,
          body: {
            allowed,
            public: isPublic,
            code,
            policy,
            rules: rules.map(({ text, passes, code: refusal, reason, policies }) => ({
              text,
              passes,
              code: refusal,
              reason,
              policies: policies.map(({ id, effect, outcome, file, line }) => ({
                id,
                effect,
                outcome,
                place: `${file}:${line}`,
              })),
            })),
          },
        };
      } catch (error) {
        if (error instanceof CaseProblem) throw new AdminProblem('body-invalid', error.message);
        throw error;
      }
    },

    getLimits: () => {
      const config = parts.config();
      const nowMs = parts.clock.epochMs();
      const shown = config.apis.filter(ofServices);
      const limits = shown.flatMap((api) =>
        api.operations.flatMap((operation) =>
          operation.limits.map(({ name, per, scope, kind, unit, amount, calendar, plans }) => ({
            api: api.name,
            operation: operation.id,
            name,
            per,
            scope,
            kind,
            unit,
            ...amount,
            period: calendar?.period ?? null,
            plans: plans.map(({ plan, amount: own }) => ({ plan, ...own })),
          })),
        ),
      );
      return {
        status: 200,
        body: {
          limits,
          refusals: traffic.top('limitedOperations', nowMs, HOUR_S, 20),
          callers: traffic.top('limitedCallers', nowMs, HOUR_S, 20),
          lists: shown.map(({ name, admit }) => ({ api: name, allow: admit.allow, deny: admit.deny })),
        },
      };
    },
  } as const satisfies Record<string, AdminHandler>;
}

function withUse(view: OperationView, operation: OperationConfig, traffic: Traffic) {
  const use = traffic.uses.operations.get(`${view.api}/${view.operation}`);
  const { api, method, path, exposure, callers, scopes, rules, limits, inspected, validated } = view;
  return {
    api,
    operation: view.operation,
    method,
    path,
    summary: operation.contract.summary,
    exposure,
    deprecated: operation.contract.deprecated,
    callers,
    scopes,
    rules,
    limits,
    inspected,
    validated,
    requests: use?.requests ?? 0,
    refused: use?.refused ?? 0,
    lastMs: use?.lastMs ?? null,
  };
}

function titleOf({ contractDocument, name }: ApiConfig): string {
  const info = (contractDocument as { info?: { title?: unknown } } | null)?.info;
  return typeof info?.title === 'string' ? info.title : name;
}

/** Roles of a caller by its name, with those that they include. */
function rolesOf(id: string, { identity }: GateConfig): string[] {
  const all = new Set<string>();
  const add = (name: string): void => {
    if (all.has(name)) return;
    all.add(name);
    for (const included of identity.roles.find((role) => role.name === name)?.includes ?? []) add(included);
  };
  for (const { name, members } of identity.roles) if (members.includes(id)) add(name);
  return [...all];
}

function mayCall(operation: OperationConfig, scopes: readonly string[], roles: readonly string[]): boolean {
  if (operation.publicReason !== null) return true;
  const needed = operation.authorize.roles;
  if (needed.length > 0 && !needed.some((role) => roles.includes(role))) return false;
  return (
    operation.scopes.length === 0 ||
    operation.scopes.some((alternative) => alternative.scopes.every((scope) => scopes.includes(scope)))
  );
}
