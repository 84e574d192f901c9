// What telemetry costs a data-plane thread: microseconds of CPU for recording one finished exchange (counters, the line,
// the ring), and beside it what the main thread spends on decoding one. Run: node bench/telemetry.ts
import { randomHex } from '../src/core/index.ts';
import { Exchange } from '../src/exchange/index.ts';
import { TailSampler } from '../src/otlp/index.ts';
import {
  AccessLogReader,
  applyTraceContext,
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

/** Exchanges differ as those of real callers do: a line that is made twice would be made of strings that are in the cache. */
const DISTINCT = 8192;

function finished(parent: boolean, index: number): Exchange {
  const exchange = new Exchange();
  const address = `203.0.${index >> 8}.${index & 255}`;
  Object.assign(exchange, {
    id: randomHex(32),
    traceId: randomHex(32),
    spanId: randomHex(16),
    ...(parent ? { parentSpanId: randomHex(16), traceFlags: '01', parentSampled: true } : {}),
    receivedMs: Date.now() + index,
    listener: 'public',
    clientAddress: address,
    peerAddress: address,
    method: 'GET',
    host: 'api.example.com',
    path: `/accounts/${index * 7}`,
    query: `limit=20&after=${index}`,
    operation,
    consumer: {
      id: `fjordbank|person-${index & 1023}`,
      method: 'jwt',
      scopes: new Set<string>(),
      claims: {},
      credentialId: `token-${index}`,
    },
    status: 200,
    responseBytes: 215,
    upstreamAddress: '127.0.0.1:42085',
    upstreamAttempts: 1,
    judgedMs: 0.31 + index / 1e5,
    upstreamFirstByteMs: 1.9 + index / 1e4,
    endMs: 2.2 + index / 1e4,
  });
  exchange.fields.append('user-agent', agents[index % agents.length]!);
  return exchange;
}

const agents = ['curl/7.88.1', 'okhttp/4.12.0', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36'];

/** Calls `use` with one of many exchanges, another each time. */
function each(parent: boolean, use: (exchange: Exchange) => void): () => void {
  const all = Array.from({ length: DISTINCT }, (_one, index) => finished(parent, index));
  let next = 0;
  return () => use(all[next++ & (DISTINCT - 1)]!);
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
const tracing = new WorkerTelemetry(metrics, null, { ratio: 0.01, parent: 'keep', guards: 'sampled' });
const sampler = new TailSampler({
  ratio: 0.01,
  parent: 'keep',
  errors: true,
  refusals: true,
  slowMs: 1000,
  perSecond: 100,
  guards: 'sampled',
});
const control = new Int32Array(memory.buffer, 0, 2);
/** Reads the ring empty in no time. */
const empty = (): void => void Atomics.store(control, 1, Atomics.load(control, 0));

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
for (let i = 0; i < 1000; i++) telemetry.record(finished(false, i));
await reader.close();
await stream.idle();
const thousand = Buffer.concat(lines);

const rows: [string, number][] = [
  ['data-plane thread: ids of the trace', medianUs(each(false, (one) => applyTraceContext(one, null)))],
  ['data-plane thread: is it sampled', medianUs(each(false, (one) => tracing.begin(one)))],
  ['data-plane thread: counters alone', medianUs(each(false, (one) => silent.record(one)))],
  [
    'data-plane thread: counters, line, ring',
    medianUs(
      each(false, (one) => telemetry.record(one)),
      empty,
    ),
  ],
  [
    'data-plane thread: the same, with a parent span',
    medianUs(
      each(true, (one) => telemetry.record(one)),
      empty,
    ),
  ],
];
const BATCHES = 25;
const decode = (): number => {
  const before = process.threadCpuUsage();
  let count = 0;
  for (let i = 0; i < BATCHES; i++) count += new RecordBatch(thousand).records.length;
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / count;
};
const decodes = Array.from({ length: ROUNDS }, decode).sort((x, y) => x - y);
rows.push(['main thread: decoding', decodes[ROUNDS >> 1]!]);
const text = thousand.toString('latin1', 0, thousand.lastIndexOf(10, 65_536) + 1);
let at = 0;
const look = (): void => {
  const end = text.indexOf('\n', at);
  sampler.mayKeep(text, at, end);
  at = end + 1 === text.length ? 0 : end + 1;
};
rows.push(['main thread: may the trace be kept', medianUs(look)]);
for (const [name, us] of rows) process.stdout.write(`${us.toFixed(2).padStart(8)} µs  ${name}\n`);
