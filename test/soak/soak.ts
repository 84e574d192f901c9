// A gate under mixed traffic while everything around it changes: reloads, threads that die, an upstream that comes and
// goes. Every answer must be one that its request may get.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningGate, startGate } from '../../src/app/index.ts';
import { silentLog } from '../../src/telemetry/index.ts';
import { openConfig, openContract } from '../support/gate.ts';
import { RawClient, request } from '../support/raw-client.ts';

export interface SoakReport {
  readonly answers: Readonly<Record<string, number>>;
  /** Connections that ended without an answer: expected when a thread or the upstream dies. */
  readonly broken: number;
  readonly wrong: readonly string[];
  /** Resident memory of the process at each look, MiB. */
  readonly memory: readonly number[];
}

interface Kind {
  readonly bytes: string;
  readonly method: string;
  /** Statuses that may come; 502 and 503 while the upstream is away. */
  readonly good: readonly number[];
}

const kinds: readonly Kind[] = [
  { bytes: request('GET', '/things'), method: 'GET', good: [200, 502, 503] },
  { bytes: request('GET', '/things/7'), method: 'GET', good: [200, 502, 503] },
  {
    bytes: request('POST', '/things', { 'content-type': 'text/plain' }, 'x'.repeat(20_000)),
    method: 'POST',
    good: [200, 502, 503],
  },
  { bytes: request('GET', '/nothing'), method: 'GET', good: [404] },
  { bytes: request('DELETE', '/things'), method: 'DELETE', good: [405] },
  { bytes: request('GET', '/things/..%2fx'), method: 'GET', good: [400] },
  { bytes: 'GET /things HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n', method: 'GET', good: [400] },
  {
    bytes: `GET /things HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`,
    method: 'GET',
    good: [431],
  },
];

class Service {
  #server: Server | null = null;
  readonly #sockets = new Set<Socket>();
  port = 0;

  async start(): Promise<void> {
    const body = '{"ok":true}';
    const answer = `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
    const server = createServer((socket) => {
      this.#sockets.add(socket);
      let text = '';
      socket.setEncoding('latin1').on('data', (piece: string) => {
        text += piece;
        for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
          const length = Number(/content-length: (\d+)/.exec(text.slice(0, end))?.[1] ?? 0);
          if (text.length < end + 4 + length) break;
          text = text.slice(end + 4 + length);
          socket.write(answer);
        }
      });
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
    this.#server = server;
    this.port = (server.address() as { port: number }).port;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server?.close(resolve));
  }
}

/** Runs for `seconds`; `say` is told what happens. */
export async function soak(seconds: number, say: (line: string) => void): Promise<SoakReport> {
  const service = new Service();
  await service.start();
  const folder = await mkdtemp(join(tmpdir(), 'gatewright-soak-'));
  const config = openConfig({ upstreamPort: service.port });
  await writeFile(join(folder, 'openapi.yaml'), openContract);
  await writeFile(join(folder, 'gatewright.yaml'), config);
  const gate = await startGate({ file: join(folder, 'gatewright.yaml'), workers: 2, log: silentLog });
  const port = gate.listeners[0]!.port;
  const answers: Record<string, number> = {};
  const wrong: string[] = [];
  const memory: number[] = [];
  let broken = 0;
  let stop = false;
  const client = async (seed: number): Promise<void> => {
    for (let turn = seed; !stop; turn++) {
      const kind = kinds[turn % kinds.length]!;
      let connection: RawClient | null = null;
      try {
        connection = await RawClient.connect(port);
        for (let i = 0; i < 20 && !stop; i++) {
          connection.send(kind.bytes);
          const { status } = await connection.response(kind.method);
          answers[status] = (answers[status] ?? 0) + 1;
          if (!kind.good.includes(status)) wrong.push(`${kind.bytes.slice(0, 40)} → ${status}`);
          if (status === 400 || status === 431) break;
        }
      } catch {
        broken++;
      }
      connection?.destroy();
    }
  };
  const clients = Array.from({ length: 16 }, (_, i) => client(i));
  const endMs = performance.now() + seconds * 1000;
  for (let look = 0; performance.now() < endMs; look++) {
    await new Promise((resolve) => setTimeout(resolve, Math.min(1000, (seconds * 1000) / 5)));
    await disturb(look, gate, service, () => writeFile(join(folder, 'gatewright.yaml'), config), say);
    memory.push(Math.round(process.memoryUsage.rss() / 1_048_576));
  }
  stop = true;
  await Promise.all(clients);
  await gate.close();
  await service.stop();
  await rm(folder, { recursive: true, force: true });
  return { answers, broken, wrong, memory };
}

async function disturb(
  look: number,
  gate: RunningGate,
  service: Service,
  touch: () => Promise<void>,
  say: (line: string) => void,
): Promise<void> {
  switch (look % 4) {
    case 0:
      await touch();
      say(`reload ${(await gate.reload()).ok ? 'done' : 'refused'}`);
      return;
    case 1:
      await gate.killWorker((look >> 2) % 2);
      say('a thread was killed');
      return;
    case 2:
      await service.stop();
      await new Promise((resolve) => setTimeout(resolve, 200));
      await service.start();
      say('the upstream was away');
      return;
    default:
  }
}
