// Receivers as others have written them: rsyslog over TLS, NATS JetStream, the Kafka broker of librdkafka.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  createSink,
  type ExportEvent,
  SendError,
  type SinkTarget,
  toEvent,
  toTrailEvent,
} from '../../src/export/index.ts';
import { createCertificate } from '../support/certificate.ts';
import { until } from '../support/until.ts';

const origin = { hostname: 'gw1.example.com', version: '1.0.0' };
const eventsOf = (count: number) =>
  Array.from({ length: count }, (_, i) =>
    toEvent({
      time: '2026-08-20T10:00:00.123Z',
      id: `id-${i}`,
      listener: 'public',
      client_address: '203.0.113.7',
      method: 'GET',
      host: 'api.example.com',
      path: '/a"]\n<13>1 forged',
      user_agent: 'x'.repeat(200),
      decision: 'allowed',
      status: 200,
      request_bytes: 0,
      response_bytes: 1,
      duration_us: 10,
    }),
  );

const isInstalled = (name: string): boolean => spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'gw-receiver-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

function run(t: TestContext, command: string, ...parameters: string[]) {
  const child = spawn(command, parameters, { stdio: ['ignore', 'pipe', 'pipe'] });
  // Output that nobody reads must not stop it.
  child.stdout.resume();
  child.stderr.resume();
  t.after(() => child.kill('SIGKILL'));
  return child;
}

/** Tries until the receiver is up; anything but `retry` is an error. */
async function sendUntilUp(
  sink: ReturnType<typeof createSink>,
  events: readonly ExportEvent[],
): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await sink.send(events);
      return;
    } catch (error) {
      if (!(error instanceof SendError) || error.kind !== 'retry' || attempt > 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

test('rsyslog over TLS has every message when the sink says so, and forged ones are part of their field', {
  skip: isInstalled('rsyslogd') ? false : 'SKIPPED: rsyslogd is not installed',
}, async (t) => {
  const path = folder(t);
  const port = await freePort();
  const { certificate, key } = rsyslogFiles(path);
  const out = join(path, 'out.log');
  writeFileSync(
    join(path, 'rsyslog.conf'),
    `global(workDirectory="${path}" maxMessageSize="64k" defaultNetstreamDriver="ossl" defaultNetstreamDriverCAFile="${certificate}" defaultNetstreamDriverCertFile="${certificate}" defaultNetstreamDriverKeyFile="${key}")
module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="anon")
input(type="imtcp" port="${port}" address="127.0.0.1")
template(name="t" type="list") { property(name="msgid") constant(value=" ") property(name="structured-data") constant(value="\\n") }
action(type="omfile" file="${out}" template="t")
`,
  );
  run(t, 'rsyslogd', '-n', '-f', join(path, 'rsyslog.conf'), '-i', join(path, 'pid'));
  const target: SinkTarget = {
    kind: 'syslog',
    host: 'localhost',
    port,
    tls: { ca: readFileSync(certificate, 'utf8'), certificate: '', key: '' },
    format: 'rfc5424',
    facility: 13,
    enterprise: 32473,
  };
  const sink = createSink(target, origin);
  await sendUntilUp(sink, eventsOf(500));
  const read = (): string[] => {
    try {
      return readFileSync(out, 'utf8').trimEnd().split('\n');
    } catch {
      return [];
    }
  };
  for (let i = 0; i < 100 && read().length < 500; i++)
    await new Promise((resolve) => setTimeout(resolve, 50));
  const lines = read();
  assert.equal(lines.length, 500);
  lines.forEach((line, i) => {
    assert.match(line, new RegExp(`^request\\.allowed \\[gatewright@32473 id="id-${i}" `));
    assert.ok(line.includes('path="/a\\"\\] <13>1 forged"'), line);
  });
  // Without trust in its certificate nothing is sent.
  const other = createSink({ ...target, tls: { ca: '', certificate: '', key: '' } }, origin);
  await assert.rejects(other.send(eventsOf(1)), /fails \(/);
});

function rsyslogFiles(path: string): { certificate: string; key: string } {
  const made = createCertificate()!;
  const files = { certificate: join(path, 'cert.pem'), key: join(path, 'key.pem') };
  writeFileSync(files.certificate, made.certificate);
  writeFileSync(files.key, made.key, { mode: 0o600 });
  return files;
}

test('NATS JetStream keeps each record once, whatever is sent again', {
  skip: isInstalled('nats-server') ? false : 'SKIPPED: nats-server is not installed',
}, async (t) => {
  const { connect } = await import('@nats-io/transport-node');
  const { jetstreamManager } = await import('@nats-io/jetstream');
  const port = await freePort();
  const args = ['-js', '-a', '127.0.0.1', '-p', String(port), '-sd', folder(t)];
  let server = run(t, 'nats-server', ...args);
  const sink = createSink(
    {
      kind: 'nats',
      servers: [`nats://127.0.0.1:${port}`],
      subject: 'gate.access',
      user: '',
      password: '',
      format: 'json',
    },
    origin,
  );
  t.after(() => sink.close());
  // No stream listens: nothing is acknowledged, so nothing counts as taken.
  await assert.rejects(sink.send(eventsOf(1)), SendError);
  const up = async () => {
    for (;;) {
      try {
        return await connect({ servers: [`nats://127.0.0.1:${port}`], reconnect: false });
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  };
  let client = await up();
  await (await jetstreamManager(client)).streams.add({ name: 'GATE', subjects: ['gate.>'] });
  await sendUntilUp(sink, eventsOf(200));
  await sendUntilUp(sink, eventsOf(200));
  await client.close();
  server.kill('SIGKILL');
  await new Promise((resolve) => server.once('exit', resolve));
  await assert.rejects(sink.send(eventsOf(1)), SendError);
  server = run(t, 'nats-server', ...args);
  await sendUntilUp(sink, eventsOf(300));
  client = await up();
  const info = await (await jetstreamManager(client)).streams.info('GATE');
  await client.close();
  assert.equal(info.state.messages, 300);
});

test('Kafka acknowledges each record, and a consumer of another make reads them', {
  skip: isInstalled('kcat') ? false : 'SKIPPED: kcat is not installed',
}, async (t) => {
  // librdkafka's broker for tests speaks the protocol in kcat's process, whose consumer is the reader.
  const args = ['-b', 'none:1', '-X', 'test.mock.num.brokers=1', '-X', 'debug=mock', '-u'];
  const reader = run(t, 'kcat', ...args, '-C', '-t', 'gate', '-o', 'beginning', '-f', '%k %s\\n');
  let [out, log] = ['', ''];
  reader.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  reader.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  const broker = await until(() => /127\.0\.0\.1:\d+/.exec(log)?.[0], 'the broker');
  const target = {
    kind: 'kafka',
    brokers: [broker],
    topic: 'gate',
    tls: null,
    user: '',
    password: '',
    mechanism: 'PLAIN',
    format: 'json',
  } as const;
  const sink = createSink(target, origin);
  t.after(() => sink.close());
  await sendUntilUp(sink, eventsOf(300));
  const entry = toTrailEvent({
    time: '2026-08-20T10:00:00.123Z',
    id: 'entry',
    trail: 'audit.example',
    index: 4,
    action: 'gate.start',
    outcome: 'success',
  });
  await sendUntilUp(sink, [entry]);
  await until(() => out.includes('audit.example {'), 'the entry');
  const lines = out.trimEnd().split('\n');
  const ids = lines.map((line) => (JSON.parse(line.slice(line.indexOf(' ') + 1)) as { id: string }).id);
  assert.deepEqual(new Set(ids), new Set([...eventsOf(300).map(({ record }) => record.id), 'entry']));
  // A broker that is gone is a reason to try again.
  reader.kill('SIGKILL');
  await new Promise((resolve) => reader.once('exit', resolve));
  await assert.rejects(
    sink.send(eventsOf(1)),
    (error: unknown) => error instanceof SendError && error.kind === 'retry',
  );
});
