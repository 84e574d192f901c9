// The service `admin`: finds out who calls, whether they may, reads what they sent by the contract's own schemas, and has what was
// changed in the audit trail before it answers.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { z } from 'zod';
import { type AdminOperation, type AdminOperationId, adminContract, operations } from '../admin-api/index.ts';
import { type ServiceCall, type ServiceHandler, sendProblem } from '../control/index.ts';
import { apiHandlers } from './api-handlers.ts';
import { ConsoleAssets } from './assets.ts';
import { auditHandlers } from './audit-handlers.ts';
import { banHandlers } from './ban-handlers.ts';
import { findCaller, requireOwnPage } from './callers.ts';
import {
  type AdminAnswer,
  type AdminCaller,
  type AdminHandler,
  type AdminParts,
  AdminProblem,
  type AdminRequest,
  stateOf,
} from './contract.ts';
import { type JsonAnswer, readJson, sendJson } from './http.ts';
import { Idempotency } from './idempotency.ts';
import { identityHandlers } from './identity-handlers.ts';
import { incidentHandlers } from './incident-handlers.ts';
import { memberHandlers } from './member-handlers.ts';
import { ConsoleSessions } from './sessions.ts';
import { settingsHandlers } from './settings-handlers.ts';
import { SignIn } from './sign-in.ts';
import type { Traffic } from './traffic.ts';
import { trafficHandlers } from './traffic-handlers.ts';
import { wafHandlers } from './waf-handlers.ts';

/** Operations that change nothing although they are a POST. */
const isRead = (id: string, { method }: AdminOperation): boolean => method === 'GET' || id === 'simulate';

export class AdminService {
  readonly #parts: AdminParts;
  readonly #handlers: Readonly<Record<AdminOperationId, AdminHandler>>;
  readonly #signIn: SignIn;
  readonly #idempotency = new Idempotency();
  #assets: ConsoleAssets | null = null;
  #contract = '';

  constructor(parts: AdminParts, traffic: Traffic) {
    this.#parts = parts;
    this.#signIn = new SignIn(parts);
    this.#handlers = {
      ...this.#signIn.handlers,
      ...trafficHandlers(parts, traffic),
      ...apiHandlers(parts, traffic),
      ...identityHandlers(parts),
      ...memberHandlers(parts),
      ...banHandlers(parts),
      ...incidentHandlers(parts),
      ...wafHandlers(parts, traffic),
      ...auditHandlers(parts),
      ...settingsHandlers(parts),
    };
  }

  readonly handle: ServiceHandler = async (request, response, call) => {
    if (this.#sendFile(request, response, call)) return;
    try {
      await this.#answer(request, response, call);
    } catch (error) {
      if (!(error instanceof AdminProblem)) throw error;
      sendProblem(response, error.code, call.exchangeId, error.message);
    }
  };

  /** What is not of the API: the page and its files, which say nothing of the gate. */
  #sendFile(request: IncomingMessage, response: ServerResponse, call: ServiceCall): boolean {
    this.#assets ??= new ConsoleAssets(this.#parts.assets);
    switch (call.operation) {
      case 'consolePage':
        this.#assets.sendPage(response);
        return true;
      case 'consoleAsset':
        this.#assets.sendAsset(request, response, call.params[0] ?? '', call.exchangeId);
        return true;
      case 'consoleIcon':
        this.#assets.sendAsset(request, response, 'icon.svg', call.exchangeId);
        return true;
      case 'adminContract':
        if (this.#contract === '') this.#contract = JSON.stringify(adminContract());
        sendJson(response, { status: 200, text: this.#contract, etag: '', cookies: [] });
        return true;
      default:
        return false;
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse, call: ServiceCall): Promise<void> {
    const id = call.operation as AdminOperationId;
    const operation: AdminOperation | undefined = Object.hasOwn(operations, id) ? operations[id] : undefined;
    if (operation === undefined) throw new AdminProblem('operation-unknown', 'There is no such operation.');
    const state = stateOf(this.#parts);
    const nowMs = this.#parts.clock.epochMs();
    const origin = `${call.secure ? 'https' : 'http'}://${call.authority}`;
    const isOpen = operation.permission === 'open';
    const caller = isOpen
      ? null
      : await findCaller(request, call, state, new ConsoleSessions(state.oauth, this.#parts.clock), nowMs);
    if (caller !== null && caller.kind === 'session' && operation.method !== 'GET')
      requireOwnPage({ request, origin });
    if (
      caller !== null &&
      caller.kind === 'gate' &&
      operation.method !== 'GET' &&
      request.headers.cookie !== undefined
    )
      requireOwnPage({ request, origin });
    this.#permit(id, operation, caller, call);
    const admin: AdminRequest = {
      request,
      response,
      call,
      operation: id,
      caller,
      origin,
      params: paramsOf(operation, call),
      query: queryOf(operation, request),
      body:
        operation.body === undefined
          ? undefined
          : parse(operation.body, await readJson(request), 'body-invalid'),
      version: String(request.headers[operation.method === 'GET' ? 'if-none-match' : 'if-match'] ?? ''),
    };
    const run = async (): Promise<JsonAnswer | null> => {
      const answer = await this.#handlers[id](admin);
      return answer === undefined ? null : this.#finish(admin, operation, answer);
    };
    const key = request.headers['idempotency-key'];
    const answer =
      typeof key === 'string' && operation.method === 'POST' && caller !== null
        ? await this.#idempotency.run(
            `${caller.kind} ${caller.id}`,
            key,
            { operation: id, params: admin.params, body: admin.body },
            nowMs,
            async () => (await run())!,
          )
        : await run();
    if (answer !== null) sendJson(response, answer);
  }

  #permit(id: string, { permission }: AdminOperation, caller: AdminCaller | null, call: ServiceCall): void {
    if (permission === 'open') return;
    if (caller === null)
      throw new AdminProblem('credentials-missing', 'Sign in, or send a key as a Bearer token.');
    if (permission === 'signed-in' ? caller.permissions.size > 0 : caller.permissions.has(permission)) return;
    this.#parts.note({
      action: 'admin.refuse',
      outcome: 'refused',
      actor: { kind: caller.kind === 'session' ? 'user' : caller.kind, id: caller.id },
      target: { kind: 'operation', id },
      address: call.clientAddress,
      requestId: call.exchangeId,
      reason: permission,
    });
    throw new AdminProblem('role-insufficient', `This needs the permission ${permission}.`);
  }

  async #finish(admin: AdminRequest, operation: AdminOperation, answer: AdminAnswer): Promise<JsonAnswer> {
    const { caller, call, operation: id, version } = admin;
    if (caller !== null && !isRead(id, operation)) {
      // A change that can not be proved later must not pass for one that can.
      await this.#parts.audit({
        action: 'admin.change',
        outcome: 'success',
        actor: { kind: caller.kind === 'session' ? 'user' : caller.kind, id: caller.id },
        target: null,
        address: call.clientAddress,
        requestId: call.exchangeId,
        traceId: call.traceId,
        ...answer.audit,
        details: { operation: id },
      });
    }
    const { status, body, etag = '', cookies = [] } = answer;
    if (operation.method === 'GET' && etag !== '' && version === etag)
      return { status: 304, text: '', etag, cookies };
    return { status, text: body === undefined ? '' : JSON.stringify(body), etag, cookies };
  }

  close(): Promise<void> {
    return this.#signIn.close();
  }
}

function parse(schema: z.ZodType, value: unknown, code: 'body-invalid' | 'parameter-invalid'): unknown {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new AdminProblem(
    code,
    `${issue?.path.join('.') || 'it'}: ${issue?.message ?? 'not as the contract says'}`,
  );
}

function paramsOf(operation: AdminOperation, call: ServiceCall): Readonly<Record<string, string>> {
  const names = [...operation.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
  const given = Object.fromEntries(names.map((name, at) => [name, call.params[at] ?? '']));
  if (operation.params === undefined) return {};
  const parsed = parse(operation.params, given, 'parameter-invalid') as Record<string, unknown>;
  return Object.fromEntries(Object.entries(parsed).map(([name, value]) => [name, String(value)]));
}

function queryOf(operation: AdminOperation, request: IncomingMessage): unknown {
  if (operation.query === undefined) return {};
  const given = new URL(request.url ?? '/', 'http://x').searchParams;
  return parse(operation.query, Object.fromEntries(given), 'parameter-invalid');
}
