// A connection to Redis or Valkey (7 or later): one server, a cluster, or a master that sentinels name. The client is an optional
// package, loaded when a configuration wants it.
import { createHash } from 'node:crypto';
import type { RedisTarget } from './contract.ts';

/** Time for a connection, ms, and between two attempts. */
const CONNECT_TIMEOUT_MS = 1000;
const RECONNECT_MIN_MS = 50;
const RECONNECT_MAX_MS = 1000;
/** Commands that may wait for answers; more are refused. */
const MAX_COMMANDS = 50_000;
/** How often sentinels are asked who the master is, ms. */
const SENTINEL_SCAN_MS = 1000;

/** The part of the client that all three kinds have. */
interface Client {
  on(event: string, listener: (...values: unknown[]) => void): unknown;
  connect(): Promise<unknown>;
  destroy(): void | Promise<void>;
  evalSha(sha: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
}

/** A script and its SHA-1, which is what servers know it by. */
export class RedisScript {
  readonly text: string;
  readonly sha: string;

  constructor(text: string) {
    this.text = text;
    this.sha = createHash('sha1').update(text).digest('hex');
  }
}

export interface RedisEvents {
  /** The one server is gone; clusters and sentinels tell by commands that fail. */
  readonly onLost: (problem: string) => void;
}

export class Redis {
  /** Resolves when a connection was made for the first time. */
  readonly ready: Promise<void>;
  readonly #client: Client;
  #closed = false;

  private constructor(client: Client) {
    this.#client = client;
    this.ready = this.#connect();
  }

  /** Loads the client and begins to connect, which goes on in the background. Throws where the package is missing. */
  static async open(target: RedisTarget, name: string, { onLost }: RedisEvents): Promise<Redis> {
    const library = await import('@redis/client').catch(() => {
      throw new Error('the package @redis/client is not installed');
    });
    const common = {
      disableOfflineQueue: true,
      commandsQueueMaxLength: MAX_COMMANDS,
    };
    const reconnectStrategy = (retries: number): number =>
      Math.min(RECONNECT_MIN_MS * 2 ** Math.min(retries, 8), RECONNECT_MAX_MS) * (0.75 + Math.random() / 2);
    const socket = { connectTimeout: CONNECT_TIMEOUT_MS, reconnectStrategy, keepAlive: true };
    let client: Client;
    if (target.kind === 'single') {
      client = library.createClient({ ...common, url: target.url, name, socket }) as unknown as Client;
      client.on('error', (error) => onLost(messageOf(error)));
    } else if (target.kind === 'cluster') {
      const first = new URL(target.urls[0]!);
      client = library.createCluster({
        rootNodes: target.urls.map((url) => ({ url })),
        defaults: {
          ...common,
          ...(first.username === '' ? {} : { username: decodeURIComponent(first.username) }),
          ...(first.password === '' ? {} : { password: decodeURIComponent(first.password) }),
          socket: first.protocol === 'rediss:' ? { ...socket, tls: true } : socket,
        },
      }) as unknown as Client;
      client.on('error', () => {});
    } else {
      const { username, password, tls } = target;
      const secured = tls ? { ...socket, tls: true as const } : socket;
      client = library.createSentinel({
        name: target.name,
        sentinelRootNodes: [...target.sentinels],
        scanInterval: SENTINEL_SCAN_MS,
        nodeClientOptions: {
          ...common,
          ...(username === '' ? {} : { username }),
          ...(password === '' ? {} : { password }),
          socket: secured,
        },
        sentinelClientOptions: { socket: secured },
      }) as unknown as Client;
      client.on('error', () => {});
    }
    return new Redis(client);
  }

  /** One server goes on trying by itself; clusters and sentinels have to be told to. */
  async #connect(): Promise<void> {
    for (let attempt = 0; !this.#closed; attempt++) {
      try {
        await this.#client.connect();
        return;
      } catch {
        await new Promise((resolve) => {
          setTimeout(
            resolve,
            Math.min(RECONNECT_MIN_MS * 2 ** Math.min(attempt, 8), RECONNECT_MAX_MS),
          ).unref();
        });
      }
    }
  }

  /** Runs a script on the server that has `key`. */
  async run(script: RedisScript, key: string, args: readonly (string | number)[]): Promise<unknown> {
    const options = { keys: [key], arguments: args.map(String) };
    try {
      return await this.#client.evalSha(script.sha, options);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return this.#client.eval(script.text, options);
    }
  }

  close(): void {
    this.#closed = true;
    try {
      void Promise.resolve(this.#client.destroy()).catch(() => {});
    } catch {
      // A client that never connected has nothing to end.
    }
  }
}

const messageOf = (error: unknown): string =>
  error instanceof AggregateError
    ? error.errors.map(messageOf).join(', ')
    : error instanceof Error
      ? error.message
      : String(error);
