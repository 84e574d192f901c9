// `telemetry:` and `export:` as users write them: mistakes with their place, and what `gatewright check` says of the rest.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { describeOutlets } from './describe.ts';
import { loadConfig } from './load.ts';

const folder = mkdtempSync(join(tmpdir(), 'gatewright-config-'));
after(() => rmSync(folder, { recursive: true, force: true }));
writeFileSync(
  join(folder, 'openapi.yaml'),
  "openapi: 3.1.0\ninfo: { title: T, version: '1' }\npaths: { /a: { get: { operationId: getA, responses: {} } } }\n",
);
const base = `listeners: { public: { port: 8080 } }
upstreams: { s: { targets: [ http://localhost:1 ] } }
apis: { a: { contract: ./openapi.yaml, upstream: s, operations: { getA: { public: true, reason: test } } } }
`;

function load(text: string, env: Record<string, string> = {}) {
  const file = join(folder, 'gatewright.yaml');
  writeFileSync(file, base + text);
  return loadConfig(file, env);
}

const otlp = (rest: string): string => `telemetry: { otlp: { ${rest} } }\n`;
const here = "endpoint: 'http://127.0.0.1:4318'";

test('mistakes are told with their place', async () => {
  for (const [text, id, words] of [
    [otlp(''), 'config-missing-key', /endpoint/],
    [otlp("endpoint: 'http://collector.example:4318'"), 'config-value', /only https/],
    [otlp("endpoint: 'https://user:pass@collector.example'"), 'config-value', /credentials/],
    [otlp(`${here}, protocol: http`), 'config-value', /http\/protobuf/],
    [otlp(`${here}, headers: { x-key: secret }`), 'config-literal-secret', /\$\{file:/],
    [otlp(`${here}, headers: { X-Key: '\${env:K}' }`), 'config-value', /lower case/],
    [otlp(`${here}, headers: { x-key: '\${env:BAD}' }`), 'config-value', /value that a header can have/],
    [otlp(`${here}, headers: { content-type: '\${env:K}' }`), 'config-value', /sets itself/],
    [otlp(`${here}, tls: { certificate: ./c.pem }`), 'config-value', /"certificate" and "key"/],
    [otlp(`${here}, tls: { ca: ./none.pem }`), 'config-file-unreadable', /none\.pem/],
    [otlp(`${here}, traces: { sample: { ratio: 2 } }`), 'config-value', /1/],
    [otlp(`${here}, traces: { sample: { parent: trust } }`), 'config-value', /follow/],
    [otlp(`${here}, withhold: [ time ]`), 'config-value', /client_address/],
    ['telemetry: { metrics: { max-series: 1 } }\n', 'config-value', /10/],
  ] as const) {
    const { config, diagnostics } = await load(text, { K: 'k', BAD: 'one\ntwo' });
    assert.equal(config, null, text);
    const found = diagnostics.find((one) => one.id === id);
    assert.ok(found !== undefined, `${text}: ${JSON.stringify(diagnostics)}`);
    assert.ok(!JSON.stringify(diagnostics).includes('two'), 'a value that may be a secret is not shown');
    assert.match(`${found.message} ${found.suggestion}`, words, text);
    assert.equal(found.line, 4, text);
  }
});

test('every outlet is described, and no secret with it', async () => {
  const { config, diagnostics } = await load(
    `telemetry:
  access-log: { to: { segments: ./logs, seal: '\${env:SEAL}' } }
  otlp:
    endpoint: https://collector.example:4317
    protocol: grpc
    headers: { x-key: '\${env:KEY}' }
    withhold: [ consumer ]
    traces: { sample: { ratio: 0.005, parent: follow, refusals: false, slower-than: 250ms, per-second: 20 } }
    metrics: { temporality: delta }
    logs: { access: false }
export:
  sinks:
    siem: { syslog: { host: siem.example }, only: { decisions: [ refused ], min-severity: low }, redact: { remove: [ path ], hash: [ consumer ], key: '\${env:SEAL}' } }
    hook: { webhook: { url: 'https://hook.example/in', key-id: k, key: '\${env:SEAL}' }, spool: { max: 10MiB, when-full: wait } }
`,
    { SEAL: 'a seal of more than thirty-two letters', KEY: 'hunter2-hunter2' },
  );
  assert.deepEqual(diagnostics, []);
  const text = describeOutlets(config!).map(({ name, to, how }) => `${name}: ${to}; ${how.join('; ')}`);
  assert.deepEqual(text, [
    'metrics: http://127.0.0.1:9090/metrics; at most 2000 series of each',
    `access log: segments in ${join(folder, 'logs')}, encrypted; kept 400 d (security) and 30 d (traffic); requests wait when it is slow; query values masked`,
    'OpenTelemetry: https://collector.example:4317 by OTLP (grpc, gzip); traces: 0.5 % and, up to 20 a second, failures, answers after 250 ms; callers with a trace decide for theirs; metrics every 1 min, delta; logs of the gate itself; without consumer; at most 10000 of each wait in memory, tried for 5 min, then dropped and counted',
    'export siem: syslog siem.example:6514 over TLS, rfc5424; records: refused; severity low and above; without path; hashed consumer; spool up to 1 GiB, the oldest are dropped and counted when it is full',
    'export hook: webhook https://hook.example/in, signed with k, json; all records; spool up to 10 MiB, traffic waits when it is full',
  ]);
  assert.ok(!/hunter2|a seal/.test(text.join()));
});

test('what is not said: no OpenTelemetry, the access log on standard output', async () => {
  const { config } = await load('');
  assert.deepEqual(
    describeOutlets(config!).map(({ name, to }) => `${name}: ${to}`),
    ['metrics: http://127.0.0.1:9090/metrics', 'access log: standard output'],
  );
});
