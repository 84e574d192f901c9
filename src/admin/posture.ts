// How well an API is protected by its configuration, from 0 to 100, and what would raise it. Each question is asked of every
// operation; the points are what it is worth when all of them pass.
import type { ApiConfig, GateConfig, OperationConfig } from '../config/index.ts';

interface Question {
  readonly id: string;
  readonly points: number;
  readonly holds: (operation: OperationConfig, api: ApiConfig, config: GateConfig) => boolean;
  readonly text: (failing: readonly string[]) => string;
}

const names = (failing: readonly string[]): string =>
  failing.length <= 3
    ? failing.join(', ')
    : `${failing.slice(0, 3).join(', ')} and ${failing.length - 3} more`;
const isOpen = ({ publicReason }: OperationConfig): boolean => publicReason !== null;

const questions: readonly Question[] = [
  {
    id: 'authenticated',
    points: 20,
    holds: (operation) => !isOpen(operation) || operation.method === 'GET',
    text: (failing) => `Ask for credentials where something is changed: ${names(failing)}.`,
  },
  {
    id: 'scoped',
    points: 15,
    holds: (operation, api) =>
      isOpen(operation) ||
      operation.scopes.length > 0 ||
      operation.authorize.roles.length > 0 ||
      api.authorize.policies !== null,
    text: (failing) =>
      `Every authenticated caller may use ${names(failing)}: ask for scopes, roles or a policy.`,
  },
  {
    id: 'objects',
    points: 15,
    holds: (operation, api) =>
      isOpen(operation) ||
      !operation.template.includes('{') ||
      operation.authorize.own.length > 0 ||
      api.authorize.policies !== null,
    text: (failing) =>
      `Whoever may use ${names(failing)} may name any object: say whose it must be (authorize.own).`,
  },
  {
    id: 'limited',
    points: 15,
    holds: (operation) => operation.limits.length > 0,
    text: (failing) => `Limit the rate of ${names(failing)}.`,
  },
  {
    id: 'validated',
    points: 15,
    holds: (operation) => operation.validate !== null || operation.grpc !== null,
    text: (failing) => `Hold requests of ${names(failing)} to the contract.`,
  },
  {
    id: 'inspected',
    points: 10,
    holds: (operation) => operation.inspect?.mode === 'block' || operation.grpc !== null,
    text: (failing) => `Let rules inspect and block requests of ${names(failing)}.`,
  },
  {
    id: 'encrypted',
    points: 10,
    holds: (operation, _api, config) =>
      operation.listeners.every((name) => config.listeners.find((one) => one.name === name)?.tls !== null),
    text: (failing) => `Serve by TLS alone: ${names(failing)} can be reached over plain HTTP.`,
  },
];

export interface ApiPosture {
  readonly score: number;
  readonly findings: readonly { readonly id: string; readonly text: string; readonly points: number }[];
}

export function postureOf(api: ApiConfig, config: GateConfig): ApiPosture {
  const all = questions.reduce((sum, { points }) => sum + points, 0);
  let lost = 0;
  const findings: { id: string; text: string; points: number }[] = [];
  for (const { id, points, holds, text } of questions) {
    const failing = api.operations
      .filter((operation) => !holds(operation, api, config))
      .map((operation) => operation.id);
    if (failing.length === 0) continue;
    const missing = Math.max(
      1,
      Math.round(((points * failing.length) / api.operations.length) * (100 / all)),
    );
    lost += missing;
    findings.push({ id, text: text(failing), points: missing });
  }
  findings.sort((a, b) => b.points - a.points);
  return { score: Math.max(0, 100 - lost), findings };
}
