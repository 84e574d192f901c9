// Passwords are hashed on threads of their own, a few at once and a bounded number waiting: a storm of logins costs
// itself time, and nobody else.
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { PasswordLimits } from '../contract.ts';
import { MAX_PASSWORD } from '../user-credentials.ts';
import type { HashAnswer, HashJob } from './hash-thread.ts';

/** Too many logins are being checked: come again. */
export class HasherBusyError extends Error {
  override readonly name = 'HasherBusyError';
}

type Unnumbered<T> = T extends unknown ? Omit<T, 'id'> : never;

interface Waiting {
  readonly job: Unnumbered<HashJob>;
  readonly resolve: (result: string | boolean) => void;
  readonly reject: (error: Error) => void;
}

export class PasswordHasher {
  readonly #limits: PasswordLimits;
  readonly #idle: Worker[] = [];
  readonly #busy = new Map<Worker, Waiting>();
  readonly #queue: Waiting[] = [];
  #closed = false;
  #next = 0;
  #decoy: Promise<string> | null = null;

  constructor(limits: PasswordLimits) {
    this.#limits = limits;
  }

  /** Whether another password would be refused. */
  get isFull(): boolean {
    return this.#queue.length >= this.#limits.queue;
  }

  async hash(password: string): Promise<string> {
    const { memoryKib, passes, lanes } = this.#limits;
    return String(await this.#run({ kind: 'hash', password, settings: { memoryKib, passes, lanes } }));
  }

  /**
   * `hash` null costs as much as any other and is never right: names that are not there take as long as those that are.
   * Rejects with HasherBusyError.
   */
  async verify(password: string, hash: string | null): Promise<boolean> {
    if (password.length > MAX_PASSWORD) return false;
    if (hash === null && this.#decoy === null) {
      this.#decoy = this.hash('nobody has this password');
      this.#decoy.catch(() => {
        this.#decoy = null;
      });
    }
    const matches = await this.#run({ kind: 'verify', password, hash: hash ?? (await this.#decoy!) });
    return hash !== null && matches === true;
  }

  #run(job: Unnumbered<HashJob>): Promise<string | boolean> {
    if (this.#closed) return Promise.reject(new HasherBusyError('it is closed'));
    if (this.isFull) return Promise.reject(new HasherBusyError('too many logins are being checked'));
    return new Promise((resolve, reject) => {
      this.#queue.push({ job, resolve, reject });
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#queue.length > 0) {
      const worker =
        this.#idle.pop() ?? (this.#busy.size < this.#limits.concurrency ? this.#spawn() : undefined);
      if (worker === undefined) return;
      const waiting = this.#queue.shift()!;
      this.#busy.set(worker, waiting);
      worker.ref();
      worker.postMessage({ ...waiting.job, id: this.#next++ });
    }
  }

  #spawn(): Worker {
    // The same file as source and in the package.
    const worker = new Worker(new URL(`./hash-thread${extname(import.meta.url)}`, import.meta.url));
    worker.on('message', ({ result }: HashAnswer) => {
      const waiting = this.#busy.get(worker);
      this.#busy.delete(worker);
      worker.unref();
      this.#idle.push(worker);
      waiting?.resolve(result);
      this.#pump();
    });
    const fail = (error: Error): void => {
      const waiting = this.#busy.get(worker);
      this.#busy.delete(worker);
      const at = this.#idle.indexOf(worker);
      if (at !== -1) this.#idle.splice(at, 1);
      waiting?.reject(error);
      if (!this.#closed) this.#pump();
    };
    worker.on('error', fail);
    worker.on('exit', () => fail(new Error('a hashing thread has ended')));
    return worker;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const waiting of this.#queue.splice(0)) waiting.reject(new HasherBusyError('it is closed'));
    await Promise.all([...this.#idle, ...this.#busy.keys()].map((worker) => worker.terminate()));
  }
}
