// What the control plane is given by the composition root, what a handler gets, and how it answers.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AdminOperationId, Permission, Role } from '../admin-api/index.ts';
import type { BanKeeper } from '../admission/index.ts';
import type { AuditEvent } from '../audit/index.ts';
import type { GateConfig } from '../config/index.ts';
import type { ServiceCall } from '../control/index.ts';
import type { Clock, Diagnostic, ErrorCode } from '../core/index.ts';
import type { State } from '../stores/index.ts';

export interface GateFacts {
  readonly version: string;
  readonly startedMs: number;
  readonly generation: number;
  readonly workers: number;
  readonly stateUp: boolean;
  readonly auditEntries: number;
  /** Records that were lost on their way here. */
  readonly lost: number;
  /** Ports as they are, by listener. */
  readonly ports: Readonly<Record<string, number>>;
  readonly upstreams: readonly {
    readonly name: string;
    readonly endpoints: number;
    readonly healthy: number;
  }[];
  readonly warnings: readonly Diagnostic[];
}

export interface ReloadOutcome {
  readonly ok: boolean;
  readonly problem: string;
  readonly diagnostics: readonly Diagnostic[];
}

export interface AdminParts {
  readonly config: () => GateConfig;
  readonly state: () => State | null;
  readonly facts: () => GateFacts;
  readonly reload: () => Promise<ReloadOutcome>;
  /** Makes what was written to the state known to all threads. */
  readonly refresh: () => Promise<void>;
  /** Resolves when the entry is durable; at once where no trail is kept. */
  readonly audit: (event: AuditEvent) => Promise<void>;
  readonly note: (event: AuditEvent) => void;
  /** Null while bans have not begun. */
  readonly bans: () => Pick<BanKeeper, 'add' | 'remove' | 'list'> | null;
  readonly clock: Clock;
  /** Folder with the built console; empty where there is none. */
  readonly assets: string;
}

/** Who calls, as established for this request. */
export interface AdminCaller {
  readonly id: string;
  readonly kind: 'session' | 'key' | 'gate';
  readonly roles: readonly Role[];
  readonly permissions: ReadonlySet<Permission>;
  /** Of a session: SHA-256 that it is kept under; empty for others. */
  readonly sessionId: string;
  readonly untilMs: number | null;
}

export interface AdminRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly call: ServiceCall;
  readonly operation: AdminOperationId;
  /** Null for operations that anybody may call. */
  readonly caller: AdminCaller | null;
  readonly params: Readonly<Record<string, string>>;
  /** As the schemas of the operation have it. */
  readonly query: unknown;
  readonly body: unknown;
  /** If-Match or If-None-Match; empty for none. */
  readonly version: string;
  /** Where people reach the console, without a slash at the end. */
  readonly origin: string;
}

export interface AdminAnswer {
  readonly status: number;
  readonly body?: unknown;
  readonly etag?: string;
  readonly cookies?: readonly string[];
  /** What goes into the trail before the answer goes out; nothing for reads. */
  readonly audit?: Pick<AuditEvent, 'target' | 'before' | 'after' | 'reason'>;
}

/** `undefined`: the handler answers by itself. */
export type AdminHandler = (request: AdminRequest) => Promise<AdminAnswer | undefined> | AdminAnswer;

/** Ends a request with a problem. */
export class AdminProblem extends Error {
  override readonly name = 'AdminProblem';
  readonly code: ErrorCode;

  /** The message is shown to the caller as `detail`. */
  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

export const callerOf = (request: AdminRequest): AdminCaller => {
  if (request.caller === null) throw new AdminProblem('credentials-missing', 'Sign in first.');
  return request.caller;
};

export const stateOf = (parts: AdminParts): State => {
  const state = parts.state();
  if (state === null) throw new AdminProblem('service-unavailable', 'The state is not open.');
  return state;
};
