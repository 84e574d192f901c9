// What telemetry costs a data-plane thread: microseconds of CPU for recording one finished exchange (counters, the line,
// the ring), and beside it what the main thread spends on decoding one. Run: node bench/telemetry.ts
import { Exchange } from '../src/exchange/index.ts';
import {
  AccessLogReader,
  createAccessLog,
  createMetrics,
  nullSink,
  RecordBatch,
  RecordStream,
  WorkerTelemetry,
} from '../src/telemetry/index.ts';

const ROUNDS = 9;
/** Between two looks at the clock of a thread, which ticks in milliseconds on some kernels. */
const RUNS = 4000;
const REPEATS = 20;

const operation = {
  index: 0,
  api: 'bank',
  id: 'listAccounts',
  method: 'GET',
  template: '/accounts',
  paramNames: [],
  public: false,
};

function finished(parent: boolean): Exchange {
  const exchange = new Exchange();
  Object.assign(exchange, {
    id: 'f1b50e7a34a12159acba47e6b427b8af',
    traceId: '0cf67cd781c2ae77d345b5e16def2342',
    spanId: 'e3f7c2080a4dc228',
    ...(parent ? { parentSpanId: '00f067aa0ba902b7', traceFlags: '01' } : {}),
    receivedMs: Date.now(),
    listener: 'public',
    clientAddress: '203.0.113.7',
    peerAddress: '203.0.113.7',
    method: 'GET',
    host: 'api.example.com',
    path: '/accounts',
    query: 'limit=20&after=abc',
    operation,
    consumer: {
      id: 'fjordbank|ingrid',
      method: 'jwt',
      scopes: new Set<string>(),
      claims: {},
      credentialId: 'demo-ingrid',
    },
    status: 200,
    responseBytes: 215,
    upstreamAddress: '127.0.0.1:42085',
    upstreamAttempts: 1,
    judgedMs: 0.31,
    upstreamFirstByteMs: 1.9,
    endMs: 2.2,
  });
  exchange.fields.append('user-agent', 'curl/7.88.1');
  return exchange;
}

function medianUs(work: () => void, after: () => void = () => {}): number {
  for (let i = 0; i < RUNS; i++) work();
  after();
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.threadCpuUsage();
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      for (let i = 0; i < RUNS; i++) work();
      after();
    }
    const { user, system } = process.threadCpuUsage(before);
    rounds.push((user + system) / RUNS / REPEATS);
  }
  return rounds.sort((a, b) => a - b)[ROUNDS >> 1]!;
}

const memory = createAccessLog({ whenFull: 'drop', keepQueryValues: false, matchValues: 'mask' });
const metrics = createMetrics([['bank', 'listAccounts']]);
const telemetry = new WorkerTelemetry(metrics, memory);
const silent = new WorkerTelemetry(metrics, null);
const control = new Int32Array(memory.buffer, 0, 2);
/** Reads the ring empty in no time. */
const empty = (): void => void Atomics.store(control, 1, Atomics.load(control, 0));

const plain = finished(false);
const traced = finished(true);
const stream = new RecordStream();
const lines: Buffer[] = [];
stream.subscribe({
  name: 'bench',
  maxPendingBytes: 1 << 30,
  whenFull: 'drop',
  take: (batch) => void lines.push(batch.lines),
});
const reader = new AccessLogReader(nullSink, stream);
reader.attach(memory);
for (let i = 0; i < 1000; i++) telemetry.record(plain);
await reader.close();
await stream.idle();
const thousand = Buffer.concat(lines);

const rows: [string, number][] = [
  ['data-plane thread: counters alone', medianUs(() => silent.record(plain))],
  ['data-plane thread: counters, line, ring', medianUs(() => telemetry.record(plain), empty)],
  ['data-plane thread: the same, with a parent span', medianUs(() => telemetry.record(traced), empty)],
];
const decode = (): number => {
  const before = process.threadCpuUsage();
  const { length } = new RecordBatch(thousand).records;
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / length;
};
const decodes = Array.from({ length: 25 }, decode).sort((a, b) => a - b);
rows.push(['main thread: decoding', decodes[12]!]);
for (const [name, us] of rows) process.stdout.write(`${us.toFixed(2).padStart(8)} µs  ${name}\n`);
