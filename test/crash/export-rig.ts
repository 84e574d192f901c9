// A gate of its own process whose only sink is a webhook of ours, a service behind it, and callers: what kills and outages of the
// export are tried on. The receiver can be dead, and can take a batch without saying so.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, get, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Spool } from '../../src/export/spool.ts';
import { RunningCommand } from '../support/command.ts';
import { openConfig, openContract } from '../support/gate.ts';

const SPOOL_BYTES = 65_536;
const CALLERS = 8;
const listening = /"listener":"public","url":"http:\/\/127\.0\.0\.1:(\d+)"/;

type Receiver = 'up' | 'down' | 'silent';

export class ExportRig {
  readonly #folder: string;
  readonly #servers: Server[] = [];
  /** How often each record's id came. */
  readonly received = new Map<string, number>();
  /** `silent` takes batches and breaks the connection before it says so. */
  receiver: Receiver = 'up';
  #gate: RunningCommand | null = null;
  #port = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** `spoolBytes`: room for what the receiver does not take. */
  async start(spoolBytes = SPOOL_BYTES): Promise<void> {
    mkdirSync(this.#folder, { recursive: true });
    const service = await this.#serve((_body, answer) => answer(200));
    const receiver = await this.#serve((body, answer) => {
      if (this.receiver === 'down') return answer(0);
      for (const line of body.split('\n').filter(Boolean)) {
        const { id } = JSON.parse(line) as { id: string };
        this.received.set(id, (this.received.get(id) ?? 0) + 1);
      }
      answer(this.receiver === 'up' ? 200 : 0);
    });
    writeFileSync(join(this.#folder, 'openapi.yaml'), openContract);
    writeFileSync(
      join(this.#folder, 'gatewright.yaml'),
      openConfig({
        upstreamPort: service,
        extra: `audit: { folder: ./audit }
export:
  sinks:
    hook:
      webhook: { url: 'http://127.0.0.1:${receiver}/', key-id: gate, key: '\${env:HOOK_KEY}', format: json }
      batch: { linger: 10ms, records: 50 }
      spool: { max: ${spoolBytes}B, when-full: wait }
`,
      }),
    );
  }

  async #serve(onBody: (body: string, answer: (status: number) => void) => void): Promise<number> {
    const server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (text: string) => (body += text));
      request.on('end', () =>
        onBody(body, (status) => {
          if (status === 0) response.destroy();
          else response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
        }),
      );
    });
    this.#servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  }

  async startGate(): Promise<void> {
    const gate = new RunningCommand(['start', '--no-watch', '--workers', '1'], {
      cwd: this.#folder,
      env: { HOOK_KEY: 'a shared secret of more than thirty-two characters' },
    });
    this.#gate = gate;
    this.#port = Number((await gate.says(listening))[1]);
  }

  /** Calls the gate until `isOver`, with pauses of `paceMs` between calls; answers how many were answered. */
  async load(isOver: () => boolean, paceMs = 0): Promise<number> {
    const agent = new Agent({ keepAlive: true, maxSockets: CALLERS });
    let answered = 0;
    const call = (): Promise<boolean> =>
      new Promise((resolve) => {
        const request = get(
          { port: this.#port, host: '127.0.0.1', path: '/things', agent, timeout: 1000 },
          (r) => {
            r.resume().on('end', () => resolve(true));
            r.on('error', () => resolve(false));
          },
        );
        request.on('timeout', () => request.destroy());
        request.on('error', () => resolve(false));
      });
    const caller = async (): Promise<void> => {
      while (!isOver()) {
        if (await call()) answered++;
        if (paceMs > 0) await sleep(paceMs);
      }
    };
    await Promise.all(Array.from({ length: CALLERS }, caller));
    agent.destroy();
    return answered;
  }

  async killGate(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.#gate?.child.kill(signal);
    const finished = await this.#gate?.finish();
    this.#gate = null;
    if (signal === 'SIGTERM' && finished?.code !== 0)
      throw new Error(`the gate ended with ${finished?.code}`);
  }

  get #spoolFolder(): string {
    return join(this.#folder, 'spool/hook');
  }

  get spoolBytes(): number {
    try {
      return readdirSync(this.#spoolFolder)
        .filter((name) => name.endsWith('.seg'))
        .reduce((sum, name) => sum + readFileSync(join(this.#spoolFolder, name)).length, 0);
    } catch {
      return 0;
    }
  }

  /** Ids of the records that are durable in the spool and not acknowledged; the gate must be gone. */
  async spooled(): Promise<string[]> {
    const copy = mkdtempSync(join(this.#folder, 'copy-'));
    cpSync(this.#spoolFolder, copy, { recursive: true });
    rmSync(join(copy, 'lock'), { force: true });
    const spool = await Spool.open(copy, { maxBytes: 1 << 30, whenFull: 'drop-newest' });
    const ids: string[] = [];
    for (
      let chunk = await spool.read(1000, 1 << 20);
      chunk !== null;
      chunk = await spool.read(1000, 1 << 20)
    ) {
      for (const line of chunk.lines.toString().split('\n').filter(Boolean))
        ids.push((JSON.parse(line) as { id: string }).id);
      await spool.commit(chunk);
    }
    await spool.close();
    rmSync(copy, { recursive: true });
    return ids;
  }

  /** Ids of the lines of the access log. */
  logged(): string[] {
    const text = readFileSync(join(this.#folder, 'access.log'), 'utf8');
    return text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .filter(Boolean)
      .map((line) => (JSON.parse(line) as { id: string }).id);
  }

  /** Waits until the receiver has all that the spool has. Throws after a minute. */
  async drained(): Promise<void> {
    for (let i = 0; this.spoolBytes > 0; i++) {
      if (i === 1200) throw new Error('the spool is not empty after a minute');
      await sleep(50);
    }
  }

  async close(): Promise<void> {
    if (this.#gate !== null) await this.killGate('SIGKILL');
    for (const server of this.#servers) {
      server.closeAllConnections();
      server.close();
    }
  }
}
