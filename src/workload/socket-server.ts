// One Unix socket for one service. It is bound in a folder that only this user enters, given its owner and mode there, and moved to its
// place whole: nobody can open it before its permissions say who may.
import { chmod, chown, lstat, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { WorkloadSocketConfig } from '../identity/index.ts';
import type { WorkloadSource } from './contract.ts';
import { secretService, workloadService } from './protocol.ts';
import { type OnNack, secretHandlers } from './sds.ts';
import { workloadHandlers } from './workload-api.ts';

/** Requests are small; whoever sends more is refused, bytes. */
const MAX_REQUEST_BYTES = 65_536;
/** Streams of one client, of which each service needs a handful. */
const MAX_STREAMS = 100;

export class WorkloadSocket {
  readonly config: WorkloadSocketConfig;
  readonly #source: WorkloadSource;
  readonly #onNack: OnNack;
  #server: Server | null = null;
  #inode = 0;

  constructor(config: WorkloadSocketConfig, source: WorkloadSource, onNack: OnNack = () => {}) {
    this.config = config;
    this.#source = source;
    this.#onNack = onNack;
  }

  /** Rejects when the place is taken by something that is no socket, or can not be written. */
  async start(): Promise<void> {
    const { path, mode, group } = this.config;
    const there = await lstat(path).catch(() => null);
    if (there !== null && !there.isSocket()) throw new Error(`${path} is there and is no socket`);
    const server = new Server({
      'grpc.max_receive_message_length': MAX_REQUEST_BYTES,
      'grpc.max_concurrent_streams': MAX_STREAMS,
    });
    server.addService(workloadService, workloadHandlers(this.#source));
    server.addService(secretService, secretHandlers(this.#source, this.#onNack));
    const folder = await mkdtemp(`${path}.`);
    try {
      const draft = join(folder, 's');
      await new Promise<void>((resolve, reject) =>
        server.bindAsync(`unix:${draft}`, ServerCredentials.createInsecure(), (error) =>
          error === null ? resolve() : reject(error),
        ),
      );
      this.#server = server;
      if (group !== null) await chown(draft, -1, group);
      await chmod(draft, mode);
      this.#inode = (await lstat(draft)).ino;
      // One that another process has left, or still serves, gives way.
      await rename(draft, path);
    } catch (error) {
      server.forceShutdown();
      this.#server = null;
      throw error;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async stop(): Promise<void> {
    this.#server?.forceShutdown();
    this.#server = null;
    const there = await lstat(this.config.path).catch(() => null);
    // Another process may have taken the place meanwhile.
    if (there?.ino === this.#inode) await rm(this.config.path, { force: true });
  }
}
