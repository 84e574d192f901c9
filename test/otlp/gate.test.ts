// OpenTelemetry as an operator has it: a gate and a collector that decodes with the official definitions.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCertificate } from '../support/certificate.ts';
import { openConfig, openContract, startTestGate } from '../support/gate.ts';
import {
  attributesOf,
  type Collector,
  startGrpcCollector,
  startHttpCollector,
} from '../support/otlp-collector.ts';
import { exchange, request } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';

const withOtlp = (upstreamPort: number, otlp: string, api = ''): string =>
  openConfig({ upstreamPort, api }).replace(
    'telemetry: { ',
    `telemetry: { otlp: { linger: 10ms, ${otlp} }, `,
  );

const parent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

type Item = Record<string, unknown>;
const spansOf = (spans: readonly Item[], traceId: string) =>
  spans.filter((span) => span['traceId'] === traceId);

test('a trace: the server, its guards and the call to the service, in a trace that the client began', async (t) => {
  const upstream = await startRawUpstream(t);
  const collector = await startHttpCollector(t);
  const otlp = `endpoint: 'http://127.0.0.1:${collector.port}', resource: { deployment.environment.name: test }, traces: { sample: { ratio: 0 } }, logs: {}, metrics: { every: 50ms }`;
  const gate = await startTestGate(t, { config: withOtlp(upstream.port, otlp) });
  await exchange(
    gate.port,
    request('GET', '/things/7?token=secret', { traceparent: parent, 'user-agent': 'test/1' }),
  );
  await exchange(gate.port, request('GET', '/things'));
  await exchange(gate.port, request('GET', '/nothing'));
  const [line, plain, refused] = await gate.accessLines(3);

  const spans = await collector.wait(
    'traces',
    (items) => spansOf(items, refused!['trace_id'] as string).length > 0,
    'the span of the refusal',
  );
  const own = spansOf(spans, '0af7651916cd43dd8448eb211c80319c');
  const server = own.find((span) => span['kind'] === 2)!;
  const client = own.find((span) => span['kind'] === 3)!;
  assert.equal(server['name'], 'GET /things/{id}');
  assert.equal(server['spanId'], line!['span_id']);
  assert.equal(server['parentSpanId'], 'b7ad6b7169203331');
  assert.equal(server['flags'], 0x301, 'sampled, and its parent is remote');
  const attributes = attributesOf(server);
  assert.deepEqual(
    [
      'http.request.method',
      'url.scheme',
      'url.path',
      'url.query',
      'http.route',
      'server.address',
      'server.port',
      'client.address',
      'network.protocol.version',
      'user_agent.original',
      'http.response.status_code',
      'error.type',
      'gatewright.operation',
      'gatewright.decision',
      'gatewright.trace.kept',
    ].map((name) => attributes[name]),
    [
      'GET',
      'http',
      '/things/7',
      'token=*',
      '/things/{id}',
      'api.example.com',
      String(gate.port),
      '127.0.0.1',
      '1.1',
      'test/1',
      '200',
      undefined,
      'getThing',
      'allowed',
      'parent',
    ],
  );
  assert.equal(client['parentSpanId'], server['spanId']);
  assert.equal(client['name'], 'GET');
  const called = attributesOf(client);
  assert.equal(called['url.full'], `http://127.0.0.1:${upstream.port}/things/7?token=*`);
  assert.equal(called['server.port'], String(upstream.port));
  // The service sees the span of the call as its parent, and that the trace is kept.
  assert.deepEqual(
    upstream.requests[0]!.fields.filter(([name]) => name === 'traceparent').map(([, value]) => value),
    [`00-0af7651916cd43dd8448eb211c80319c-${client['spanId'] as string}-01`],
  );
  const guards = own.filter((span) => span['kind'] === 1);
  assert.ok(guards.length > 0, 'guards were timed');
  for (const guard of guards) {
    assert.match(guard['name'] as string, /^guard \w+$/);
    assert.equal(guard['parentSpanId'], server['spanId']);
    assert.equal(attributesOf(guard)['gatewright.guard.verdict'], 'passed');
    assert.ok(BigInt(guard['startTimeUnixNano'] as string) >= BigInt(server['startTimeUnixNano'] as string));
    assert.ok(BigInt(guard['endTimeUnixNano'] as string) <= BigInt(server['endTimeUnixNano'] as string));
  }
  assert.equal((line!['guards'] as unknown[]).length, guards.length, 'the access log has the timings too');

  // What was not sampled is not kept, unless something was wrong with it.
  assert.equal(spansOf(spans, plain!['trace_id'] as string).length, 0);
  assert.equal(plain!['guards'], undefined);
  const [refusal] = spansOf(spans, refused!['trace_id'] as string);
  assert.equal(refusal!['name'], 'GET');
  assert.equal(attributesOf(refusal!)['gatewright.trace.kept'], 'refusal');
  assert.equal(attributesOf(refusal!)['gatewright.code'], 'operation-unknown');
  assert.equal(refusal!['status'], undefined, 'a refused caller is no error of the server');

  // Logs: of requests and of the gate, tied to the trace.
  const logs = await collector.wait(
    'logs',
    (items) => items.filter((log) => log['traceId'] !== undefined).length === 3,
    'the logs of three requests',
  );
  const ofRequest = logs.find((log) => log['traceId'] === '0af7651916cd43dd8448eb211c80319c')!;
  assert.equal(ofRequest['spanId'], server['spanId']);
  assert.equal(ofRequest['severityText'], 'INFO');
  assert.equal(ofRequest['eventName'], 'gatewright.exchange');
  assert.ok(logs.some((log) => log['eventName'] === 'gatewright.started'));

  // Metrics: the same as the port shows, and exemplars that lead to the trace.
  const hasExemplar = (metric: Item): boolean => {
    const points = (metric['histogram'] as { dataPoints: Item[] } | undefined)?.dataPoints ?? [];
    return points.some((point) =>
      ((point['exemplars'] as Item[] | undefined) ?? []).some((one) => one['spanId'] === server['spanId']),
    );
  };
  await waitForMetric(
    collector,
    (metric) => metric['name'] === 'gatewright_request_duration' && hasExemplar(metric),
  );
  const requests = await waitForMetric(collector, (metric) => metric['name'] === 'gatewright_requests');
  const sum = requests['sum'] as { dataPoints: Item[]; isMonotonic: boolean; aggregationTemporality: number };
  assert.equal(sum.isMonotonic, true);
  assert.equal(sum.aggregationTemporality, 2);
  const resource = attributesOf(
    (collector.received[0]!.request['resourceSpans'] ??
      collector.received[0]!.request['resourceLogs'] ??
      collector.received[0]!.request['resourceMetrics'])![0 as never]['resource'],
  );
  assert.equal(resource['service.name'], 'gatewright');
  assert.equal(resource['deployment.environment.name'], 'test');

  const base = `http://127.0.0.1:${gate.gate.telemetry!.port}/metrics`;
  const open = await fetch(base, {
    headers: { accept: 'application/openmetrics-text;version=1.0.0,*/*;q=0.1' },
  });
  assert.match(open.headers.get('content-type')!, /^application\/openmetrics-text; version=1\.0\.0/);
  const text = await open.text();
  assert.match(
    text,
    /gatewright_request_duration_seconds_bucket\{api="things",operation="getThing",le="[\d.]+"\} 1 # \{trace_id="0af7651916cd43dd8448eb211c80319c",span_id="[0-9a-f]{16}"\} [\d.e-]+ \d+\.\d{3}\n/,
  );
  assert.match(text, /\n# EOF\n$/);
  assert.match(text, /gatewright_otlp_traces_kept_total\{reason="parent"\} 1\b/);
  const classic = await (await fetch(base)).text();
  // Routes of a new configuration are known by their templates; what concerns the receiver waits for a restart.
  await gate.write(
    'openapi.yaml',
    openContract.replace('/socket:', '/more:\n    get: { operationId: listMore, responses: {} }\n  /socket:'),
  );
  await gate.write(
    'gatewright.yaml',
    withOtlp(upstream.port, otlp.replace('every: 50ms', 'every: 60ms')).replace(
      'operations:',
      'operations:\n      listMore: { public: true, reason: test }',
    ),
  );
  assert.equal((await gate.gate.reload()).ok, true);
  assert.ok(
    gate.log.some(({ event, details }) => event === 'restart-needed' && details['changed'] === 'telemetry'),
  );
  await exchange(gate.port, request('GET', '/more', { traceparent: parent }));
  await collector.wait(
    'traces',
    (items) => items.some((span) => span['name'] === 'GET /more'),
    'the new route',
  );
  assert.ok(!classic.includes('trace_id='), 'the plain format has no exemplars');
});

async function waitForMetric(collector: Collector, test: (metric: Item) => boolean): Promise<Item> {
  const metrics = await collector.wait('metrics', (items) => items.some(test), 'a metric');
  return metrics.find(test)!;
}

const certificate = createCertificate();
for (const protocol of ['grpc', 'http/json'] as const) {
  test(`over ${protocol}, with TLS, headers and gzip; nothing is lost when the receiver is in trouble`, {
    skip: certificate === null ? 'openssl is not installed' : false,
  }, async (t) => {
    const upstream = await startRawUpstream(t);
    const tls = { key: certificate!.key, cert: certificate!.certificate };
    const collector =
      protocol === 'grpc' ? await startGrpcCollector(t, tls) : await startHttpCollector(t, tls);
    collector.troubles.push({ status: protocol === 'grpc' ? 14 : 503 });
    const otlp = `endpoint: 'https://127.0.0.1:${collector.port}', protocol: ${protocol}, tls: { ca: ./ca.pem }, headers: { x-key: '\${env:KEY}' }, metrics: false, withhold: [ client_address, path ], traces: { sample: { ratio: 1 } }`;
    const gate = await startTestGate(t, {
      config: withOtlp(upstream.port, otlp),
      files: { 'ca.pem': certificate!.certificate },
      env: { KEY: 'open sesame' },
    });
    for (let i = 0; i < 5; i++) await exchange(gate.port, request('GET', '/things'));
    const ids = (await gate.accessLines(5)).map((line) => line['span_id']);
    const spans = await collector.wait(
      'traces',
      (items) => items.filter((span) => span['kind'] === 2).length === 5,
      'five spans of the server',
    );
    const servers = spans.filter((span) => span['kind'] === 2);
    assert.deepEqual(servers.map((span) => span['spanId']).sort(), ids.sort());
    assert.equal(attributesOf(servers[0]!)['client.address'], undefined);
    assert.equal(attributesOf(servers[0]!)['url.path'], undefined);
    assert.equal(collector.received[0]!.headers['x-key'], 'open sesame');
    if (protocol === 'http/json') {
      assert.equal(collector.received[0]!.headers['content-encoding'], 'gzip');
      assert.equal(typeof servers[0]!['startTimeUnixNano'], 'string', '64 bits are text in JSON');
    }
    assert.ok(gate.log.some(({ event }) => event === 'otlp-failing'));
    assert.ok(gate.log.some(({ event }) => event === 'otlp-recovered'));
  });
}
