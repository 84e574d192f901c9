// What was used since the gate began to count: operations, rules, and paths that no contract knows. Bounded by the
// configuration where names come from it, by a number where clients choose them.
import type { ExchangeRecord } from '../telemetry/index.ts';

export interface OperationUse {
  requests: number;
  refused: number;
  lastMs: number;
}

export interface RuleUse {
  readonly rule: number;
  message: string;
  matches: number;
  refused: number;
  lastMs: number;
  /** Id of the last request. */
  example: string;
  readonly clients: Set<string>;
  readonly operations: Set<string>;
}

export interface UnknownPath {
  readonly method: string;
  readonly path: string;
  requests: number;
  lastMs: number;
  readonly clients: Set<string>;
}

const MAX_OPERATIONS = 20_000;
const MAX_RULES = 10_000;
const MAX_PATHS = 2000;
const MAX_CLIENTS = 1000;

export class UseCounts {
  readonly operations = new Map<string, OperationUse>();
  readonly rules = new Map<number, RuleUse>();
  readonly unknown = new Map<string, UnknownPath>();

  take(record: ExchangeRecord, atMs: number): void {
    const isRefused = record.decision === 'refused';
    const client = record.consumer ?? record.client_address;
    if (record.operation !== undefined)
      this.#takeOperation(`${record.api}/${record.operation}`, isRefused, atMs);
    else if (record.code === 'operation-unknown' && record.path !== undefined)
      this.#takeUnknown(record.method ?? '', record.path, client, atMs);
    for (const match of record.matches ?? []) {
      let use = this.rules.get(match.rule);
      if (use === undefined) {
        if (this.rules.size >= MAX_RULES) continue;
        use = {
          rule: match.rule,
          message: '',
          matches: 0,
          refused: 0,
          lastMs: 0,
          example: '',
          clients: new Set(),
          operations: new Set(),
        };
        this.rules.set(match.rule, use);
      }
      use.message = match.message ?? use.message;
      use.matches++;
      if (isRefused) use.refused++;
      use.lastMs = atMs;
      use.example = record.id;
      if (use.clients.size < MAX_CLIENTS) use.clients.add(client);
      if (record.operation !== undefined) use.operations.add(`${record.api}/${record.operation}`);
    }
  }

  #takeOperation(name: string, isRefused: boolean, atMs: number): void {
    let use = this.operations.get(name);
    if (use === undefined) {
      if (this.operations.size >= MAX_OPERATIONS) return;
      this.operations.set(name, (use = { requests: 0, refused: 0, lastMs: 0 }));
    }
    use.requests++;
    if (isRefused) use.refused++;
    use.lastMs = atMs;
  }

  #takeUnknown(method: string, path: string, client: string, atMs: number): void {
    const key = `${method} ${path}`;
    let use = this.unknown.get(key);
    if (use === undefined) {
      if (this.unknown.size >= MAX_PATHS) return;
      this.unknown.set(key, (use = { method, path, requests: 0, lastMs: 0, clients: new Set() }));
    }
    use.requests++;
    use.lastMs = atMs;
    if (use.clients.size < MAX_CLIENTS) use.clients.add(client);
  }
}
