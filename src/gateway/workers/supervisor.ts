// The main thread's side of the data plane: starts one thread a core, gives every thread the same snapshot in two
// steps (all have compiled it before one serves it), replaces threads that die, and drains them at the end.
import { Worker } from 'node:worker_threads';
import type { ApiKeyUse } from '../../credentials/index.ts';
import type { Introspection, LoginRequest, LoginResult } from '../../guards/authenticate/index.ts';
import type { Owners } from '../../guards/authorize/index.ts';
import type { ChallengeAnswers } from '../../identity/certificates/index.ts';
import type { LeaseAsk } from '../../limits/index.ts';
import type { FromWorker, SnapshotMessage, ToWorker, WorkerStart } from './protocol.ts';

/** A thread that dies is replaced after this time, doubled each time it dies young, ms. */
const RESTART_MIN_MS = 20;
const RESTART_MAX_MS = 5000;
/** A thread that lived longer than this was not killed by its configuration, ms. */
const YOUNG_MS = 10_000;
/** What a request allocates dies with it: a large young generation is collected less often for the same garbage. */
const YOUNG_GENERATION_MB = 64;
/** How long a thread may take to compile a snapshot, ms. */
const PREPARE_TIMEOUT_MS = 60_000;

export interface SupervisorOptions {
  readonly workers: number;
  /** Start data of a thread for the snapshot it begins with. */
  startData(workerId: number): Omit<WorkerStart, 'ports' | 'workerId'>;
  /** Snapshot of the next generation for a running thread. */
  onRefreshKeys(issuer: string): void;
  /** Asks the issuer about a token; never rejects. */
  onIntrospect(issuer: string, token: string): Promise<Introspection>;
  /** Never rejects. */
  onLogin(login: string, request: LoginRequest): Promise<LoginResult>;
  /** Whose an object is; never rejects. */
  onRelate(relation: string, object: string): Promise<Owners>;
  onApiKeyUses(uses: readonly ApiKeyUse[]): void;
  onLeaseAsks(asks: readonly LeaseAsk[]): void;
  onWorkerStarted(workerId: number): void;
  /** A thread ended although nobody asked it to; `code` is its exit code. */
  onWorkerDied(workerId: number, code: number): void;
}

interface Slot {
  readonly id: number;
  worker: Worker;
  ready: boolean;
  startedMs: number;
  restartMs: number;
}

export class WorkerSupervisor {
  readonly #options: SupervisorOptions;
  readonly #slots: Slot[] = [];
  readonly #waiting = new Set<(slot: Slot, message: FromWorker) => void>();
  #ports: Record<string, number> = {};
  #stopping = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /** Port of each listener, by name. */
  get ports(): Readonly<Record<string, number>> {
    return this.#ports;
  }

  get readyWorkers(): number {
    return this.#slots.filter((slot) => slot.ready).length;
  }

  /** Starts all threads; rejects when the first can not listen or compile. */
  async start(): Promise<void> {
    // The first thread learns the ports that the system chose; the others join them.
    await this.#startFirst();
    const rest: Promise<void>[] = [];
    for (let id = 1; id < this.#options.workers; id++) rest.push(this.#spawnReady(id));
    await Promise.all(rest);
  }

  async #startFirst(): Promise<void> {
    await this.#spawnReady(0);
  }

  #spawnReady(id: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const slot = this.#spawn(id);
      const fail = (error: Error): void => {
        this.#stopping = true;
        reject(error);
      };
      const onEarlyExit = (code: number): void =>
        fail(new Error(`data-plane thread ended with code ${code} before it was ready`));
      slot.worker.once('error', fail);
      slot.worker.once('exit', onEarlyExit);
      const onMessage = (from: Slot, message: FromWorker): void => {
        if (from !== slot) return;
        if (message.kind === 'prepare-failed' || message.kind === 'activate-failed') {
          this.#waiting.delete(onMessage);
          fail(new Error(message.message));
        } else if (message.kind === 'ready') {
          this.#waiting.delete(onMessage);
          slot.worker.off('error', fail);
          slot.worker.off('exit', onEarlyExit);
          resolve();
        }
      };
      this.#waiting.add(onMessage);
    });
  }

  #spawn(id: number): Slot {
    const data: WorkerStart = { workerId: id, ports: this.#ports, ...this.#options.startData(id) };
    const worker = new Worker(
      new URL(import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js', import.meta.url),
      {
        name: `gate-${id}`,
        workerData: data,
        resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
      },
    );
    const old = this.#slots[id];
    const slot: Slot = {
      id,
      worker,
      ready: false,
      startedMs: performance.now(),
      restartMs: old?.restartMs ?? RESTART_MIN_MS,
    };
    this.#slots[id] = slot;
    worker.on('message', (message: FromWorker) => this.#onMessage(slot, message));
    worker.on('error', () => {});
    worker.on('exit', (code) => this.#onExit(slot, code));
    this.#options.onWorkerStarted(id);
    return slot;
  }

  #onMessage(slot: Slot, message: FromWorker): void {
    if (message.kind === 'ready') {
      slot.ready = true;
      Object.assign(this.#ports, message.ports);
    } else if (message.kind === 'activated') {
      Object.assign(this.#ports, message.ports);
    } else if (message.kind === 'refresh-keys') {
      this.#options.onRefreshKeys(message.issuer);
    } else if (message.kind === 'introspect') {
      const { issuer, id, token } = message;
      void this.#options
        .onIntrospect(issuer, token)
        .then((answer) => this.#send(slot, { kind: 'introspected', issuer, id, answer }));
    } else if (message.kind === 'login') {
      const { login, id, request } = message;
      void this.#options
        .onLogin(login, request)
        .then((result) => this.#send(slot, { kind: 'login-answered', login, id, result }));
    } else if (message.kind === 'relate') {
      const { relation, id, object } = message;
      void this.#options
        .onRelate(relation, object)
        .then((answer) => this.#send(slot, { kind: 'related', id, answer }));
    } else if (message.kind === 'api-key-uses') {
      this.#options.onApiKeyUses(message.uses);
    } else if (message.kind === 'lease-asks') {
      this.#options.onLeaseAsks(message.asks);
    }
    for (const listener of [...this.#waiting]) listener(slot, message);
  }

  #onExit(slot: Slot, code: number): void {
    slot.ready = false;
    if (this.#stopping || this.#slots[slot.id] !== slot) return;
    this.#options.onWorkerDied(slot.id, code);
    const young = performance.now() - slot.startedMs < YOUNG_MS;
    slot.restartMs = young ? Math.min(slot.restartMs * 2, RESTART_MAX_MS) : RESTART_MIN_MS;
    setTimeout(() => {
      if (!this.#stopping && this.#slots[slot.id] === slot) this.#spawn(slot.id);
    }, slot.restartMs);
  }

  /**
   * Prepares a snapshot on every thread and, when all have compiled it, activates it everywhere. Rejects without any
   * change when a thread can not compile it.
   */
  async swap(snapshotFor: (workerId: number) => SnapshotMessage): Promise<void> {
    const slots = this.#slots.filter((slot) => slot.ready);
    const generation = snapshotFor(0).generation;
    try {
      await Promise.all(
        slots.map((slot) =>
          this.#ask(slot, { kind: 'prepare', snapshot: snapshotFor(slot.id) }, 'prepared', 'prepare-failed'),
        ),
      );
    } catch (error) {
      for (const slot of slots) this.#send(slot, { kind: 'discard', generation });
      throw error;
    }
    // One thread first: it binds new ports, and its failure leaves the others as they were.
    for (const slot of slots) {
      await this.#ask(
        slot,
        { kind: 'activate', generation, ports: this.#ports },
        'activated',
        'activate-failed',
      );
    }
  }

  #ask(slot: Slot, message: ToWorker, yes: FromWorker['kind'], no: FromWorker['kind']): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (error: Error | null): void => {
        clearTimeout(timer);
        this.#waiting.delete(listener);
        slot.worker.off('exit', onExit);
        if (error === null) resolve();
        else reject(error);
      };
      const listener = (from: Slot, answer: FromWorker): void => {
        if (from !== slot) return;
        if (answer.kind === yes) finish(null);
        else if (answer.kind === no) finish(new Error('message' in answer ? answer.message : answer.kind));
      };
      // A thread that dies meanwhile comes back with the new snapshot.
      const onExit = (): void => finish(null);
      const timer = setTimeout(
        () => finish(new Error(`thread ${slot.id} did not answer within ${PREPARE_TIMEOUT_MS} ms`)),
        PREPARE_TIMEOUT_MS,
      );
      this.#waiting.add(listener);
      slot.worker.once('exit', onExit);
      this.#send(slot, message);
    });
  }

  #send(slot: Slot, message: ToWorker): void {
    slot.worker.postMessage(message);
  }

  /** Has all threads answer these ACME challenges; resolves when they do. */
  async publishChallenges(challenges: ChallengeAnswers): Promise<void> {
    const slots = this.#slots.filter((slot) => slot.ready);
    await Promise.all(
      slots.map((slot) =>
        this.#ask(slot, { kind: 'challenges', challenges }, 'challenges-set', 'prepare-failed'),
      ),
    );
  }

  broadcast(message: ToWorker): void {
    for (const slot of this.#slots) this.#send(slot, message);
  }

  /** Thread id of a data-plane thread, for tests that kill one. */
  terminate(workerId: number): Promise<number> {
    return this.#slots[workerId]!.worker.terminate();
  }

  /** Lets all threads finish their requests, then ends them. */
  async stop(deadlineMs: number): Promise<void> {
    this.#stopping = true;
    await Promise.all(
      this.#slots.map(async (slot) => {
        if (!slot.ready) {
          await slot.worker.terminate();
          return;
        }
        const ended = new Promise<void>((resolve) => {
          slot.worker.once('exit', () => resolve());
        });
        this.#send(slot, { kind: 'drain', deadlineMs });
        const timer = setTimeout(() => void slot.worker.terminate(), deadlineMs + 2000);
        await ended;
        clearTimeout(timer);
      }),
    );
  }
}
