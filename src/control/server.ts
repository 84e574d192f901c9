// The main thread's end of the control plane's services: an HTTP server on a Unix socket in a private folder. Only this
// process's gate can use it: others can not enter the folder, and who could has not the secret.
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callField, decodeCall, secretField } from './call-fields.ts';
import type { ControlAddress, ServiceHandler } from './contract.ts';
import { sendProblem } from './problem.ts';

/** Longer than any request that the gate lets pass; a stuck service must not hold sockets for ever, ms. */
const REQUEST_TIMEOUT_MS = 120_000;
/** The gate refuses larger heads; what it adds of a caller's claims comes on top. */
const MAX_HEAD_BYTES = 262_144;

export class ControlServer {
  readonly #handlers = new Map<string, ServiceHandler>();
  readonly #onFailure: (service: string, error: unknown) => void;
  readonly #secret = randomBytes(32).toString('base64url');
  #folder = '';
  #server: Server | null = null;

  /** `onFailure` hears of handlers that threw. */
  constructor(onFailure: (service: string, error: unknown) => void) {
    this.#onFailure = onFailure;
  }

  /** Where threads find it; valid after `start`. */
  get address(): ControlAddress {
    return { socket: join(this.#folder, 'control.sock'), secret: this.#secret };
  }

  /** Answers requests for `service` from now on; null for no more. */
  mount(service: string, handler: ServiceHandler | null): void {
    if (handler === null) this.#handlers.delete(service);
    else this.#handlers.set(service, handler);
  }

  async start(): Promise<void> {
    this.#folder = await mkdtemp(join(tmpdir(), 'gatewright-'));
    await chmod(this.#folder, 0o700);
    const server = createServer({ maxHeaderSize: MAX_HEAD_BYTES }, (request, response) =>
      this.#answer(request, response),
    );
    server.requestTimeout = REQUEST_TIMEOUT_MS;
    // The gate's pool closes idle connections itself; this end must not be the first.
    server.keepAliveTimeout = 60_000;
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.address.socket, () => resolve());
    });
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server !== null) {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    }
    if (this.#folder !== '') await rm(this.#folder, { recursive: true, force: true });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const call = decodeCall(request.headers, this.#secret);
    if (call === null) return sendProblem(response, 'service-caller-unknown', '');
    // Handlers see what the client sent and what the gate says, not how the gate proves itself.
    delete request.headers[secretField];
    delete request.headers[callField];
    const handler = this.#handlers.get(call.service);
    if (handler === undefined) return sendProblem(response, 'service-unavailable', call.exchangeId);
    Promise.resolve()
      .then(() => handler(request, response, call))
      .catch((error: unknown) => {
        this.#onFailure(call.service, error);
        if (response.headersSent) response.destroy();
        else sendProblem(response, 'service-failed', call.exchangeId);
      });
  }
}
