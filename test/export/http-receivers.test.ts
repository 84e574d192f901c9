// Splunk, Elasticsearch, Sentinel, S3 and webhooks, each by a server that speaks its protocol, says no in its ways and
// keeps what it has acknowledged.
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createSink, SendError, type SinkTarget, toEvent } from '../../src/export/index.ts';
import { FieldList, parseDictionary } from '../../src/http/fields/index.ts';
import { matchesContentDigest, signatureBase } from '../../src/httpsig/index.ts';

const origin = { hostname: 'gw1', version: '1.0.0' };
const events = ['a', 'b', 'c'].map((id) =>
  toEvent({
    time: '2026-08-20T10:00:00.123Z',
    id,
    listener: 'public',
    client_address: '203.0.113.7',
    method: 'GET',
    host: 'api.example.com',
    path: '/x',
    decision: 'allowed',
    status: 200,
    request_bytes: 0,
    response_bytes: 1,
    duration_us: 10,
  }),
);

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

async function serve(
  t: TestContext,
  answer: (asked: Asked) => [status: number, body: string, headers?: Record<string, string>],
) {
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => {
      const [status, text, headers = {}] = answer({
        method: request.method!,
        url: request.url!,
        headers: request.headers,
        body,
      });
      response.writeHead(status, headers).end(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const kindOf = async (sending: Promise<unknown>): Promise<string> =>
  sending.then(
    () => 'taken',
    (error: unknown) => (error instanceof SendError ? `${error.kind} ${error.retryAfterMs}` : String(error)),
  );

test('Elasticsearch: each item has its own fate, and what is there already is done', async (t) => {
  const stored = new Set(['a']);
  let isBusy = true;
  const url = await serve(t, ({ url: path, headers, body }) => {
    assert.ok(path.startsWith('/logs-gatewright.access-default/_bulk?filter_path='));
    assert.equal(headers['content-type'], 'application/x-ndjson');
    if (headers.authorization !== 'ApiKey k') return [401, '{}'];
    assert.ok(body.endsWith('\n'));
    const lines = body
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, { _id: string }>);
    const items = lines.flatMap((line, index) => {
      if (index % 2 === 1) {
        assert.equal(typeof line['@timestamp'], 'string');
        return [];
      }
      const id = line['create']!._id;
      if (stored.has(id))
        return [
          { create: { status: 409, error: { type: 'version_conflict_engine_exception', reason: 'x' } } },
        ];
      if (id === 'b' && isBusy)
        return [{ create: { status: 429, error: { type: 'es_rejected_execution_exception', reason: 'x' } } }];
      if (id === 'c')
        return [{ create: { status: 400, error: { type: 'document_parsing_exception', reason: 'bad' } } }];
      stored.add(id);
      return [{ create: { status: 201 } }];
    });
    return [200, JSON.stringify({ errors: items.some(({ create }) => create.status > 299), items })];
  });
  const target = {
    kind: 'elastic',
    url,
    stream: 'logs-gatewright.access-default',
    authorization: 'ApiKey k',
    ca: '',
  } as const;
  const sink = createSink(target, origin);
  const first = await sink.send(events);
  assert.deepEqual([...first.rejected.keys()], [2]);
  assert.match(first.rejected.get(2)!, /document_parsing_exception: bad/);
  assert.deepEqual([...first.again], [1]);
  isBusy = false;
  assert.equal((await sink.send([events[1]!])).again.size, 0);
  assert.deepEqual([...stored], ['a', 'b']);
  assert.equal(
    await kindOf(createSink({ ...target, authorization: 'no' }, origin).send(events)),
    'refused 0',
  );
});

test('Splunk: a batch is taken when the indexer has acknowledged it', async (t) => {
  const channels = new Map<string, Map<number, number>>();
  const indexed: string[] = [];
  const url = await serve(t, ({ url: path, headers, body }) => {
    if (headers.authorization !== 'Splunk secret') return [403, '{"text":"Invalid token","code":4}'];
    const channel = String(headers['x-splunk-request-channel'] ?? '');
    if (!/^[0-9a-f-]{36}$/.test(channel)) return [400, '{"text":"Data channel is missing","code":10}'];
    const acks = channels.get(channel) ?? new Map<number, number>();
    channels.set(channel, acks);
    if (path === `/services/collector/ack?channel=${channel}`) {
      const { acks: asked } = JSON.parse(body) as { acks: number[] };
      // Indexed at the second question; told once, then forgotten.
      const said = asked.map((id) => {
        const times = (acks.get(id) ?? 0) + 1;
        acks.set(id, times);
        return [id, times === 2] as const;
      });
      return [200, JSON.stringify({ acks: Object.fromEntries(said) })];
    }
    assert.equal(path, '/services/collector/event');
    for (const line of body.split('\n')) {
      const envelope = JSON.parse(line) as { time: number; sourcetype: string; event: { id: string } };
      if (envelope.event.id === 'poison')
        return [400, '{"text":"Invalid data format","code":6,"invalid-event-number":0}'];
      assert.equal(envelope.time, 1787220000.123);
      indexed.push(envelope.event.id);
    }
    return [200, JSON.stringify({ text: 'Success', code: 0, ackId: acks.size })];
  });
  const target = {
    kind: 'splunk',
    url,
    token: 'secret',
    index: '',
    sourcetype: 's',
    acknowledge: true,
    format: 'json',
    ca: '',
  } as const;
  const sink = createSink(target, origin);
  await sink.send(events);
  assert.deepEqual(indexed, ['a', 'b', 'c']);
  assert.deepEqual(
    [...channels.values()].map((acks) => acks.get(0)),
    [2],
  );
  assert.equal(await kindOf(createSink({ ...target, token: 'x' }, origin).send(events)), 'refused 0');
  const poison = { ...events[0]!, record: { ...events[0]!.record, id: 'poison' } };
  assert.equal(await kindOf(sink.send([poison])), 'permanent 0');
});

test('Sentinel: a token is fetched once, renewed when it is refused, and rows are flat', async (t) => {
  let tokens = 0;
  let good = 'token-1';
  const rows: Record<string, unknown>[] = [];
  const url = await serve(t, ({ url: path, headers, body }) => {
    if (path === '/tenant/oauth2/v2.0/token') {
      const form = new URLSearchParams(body);
      assert.equal(form.get('grant_type'), 'client_credentials');
      assert.equal(form.get('scope'), 'https://monitor.azure.com/.default');
      if (form.get('client_secret') !== 's') return [401, '{"error":"invalid_client"}'];
      tokens++;
      return [
        200,
        JSON.stringify({ token_type: 'Bearer', expires_in: 3599, access_token: `token-${tokens}` }),
      ];
    }
    assert.equal(path, '/dataCollectionRules/dcr-1/streams/Custom-Gatewright?api-version=2023-01-01');
    if (headers.authorization !== `Bearer ${good}`) return [401, '{}'];
    assert.ok(body.length <= 1_000_000);
    for (const row of JSON.parse(body) as Record<string, unknown>[]) {
      assert.equal(typeof row['TimeGenerated'], 'string');
      for (const reserved of ['id', 'Type', 'Title', 'TenantId', 'UniqueId'])
        assert.equal(row[reserved], undefined);
      rows.push(row);
    }
    return [204, ''];
  });
  const target: SinkTarget = {
    kind: 'sentinel',
    endpoint: url,
    rule: 'dcr-1',
    stream: 'Custom-Gatewright',
    tokenUrl: `${url}/tenant/oauth2/v2.0/token`,
    scope: 'https://monitor.azure.com/.default',
    clientId: 'c',
    clientSecret: 's',
    ca: '',
  };
  const sink = createSink(target, origin);
  await sink.send(events);
  await sink.send(events);
  assert.equal(tokens, 1);
  good = 'token-2';
  assert.equal(await kindOf(sink.send(events)), 'refused 0');
  await sink.send(events);
  assert.equal(rows.length, 9);
  assert.equal(await kindOf(createSink({ ...target, clientSecret: 'x' }, origin).send(events)), 'refused 0');
  // More than 1 MB goes in several calls.
  const large = Array.from({ length: 1200 }, () => ({
    ...events[0]!,
    record: { ...events[0]!.record, path: `/${'x'.repeat(1000)}` },
  }));
  await sink.send(large);
  assert.equal(rows.length, 1209);
});

test('a webhook carries a signature that the verifier of this program accepts', async (t) => {
  const key = 'a shared secret of some length';
  const got: string[] = [];
  const url = await serve(t, ({ method, url: path, headers, body }) => {
    const fields = new FieldList();
    for (const [name, value] of Object.entries(headers)) fields.append(name, String(value));
    const [pathname, query] = path.split('?');
    const input = parseDictionary(String(headers['signature-input']))?.get('gate');
    assert.ok(input?.kind === 'list');
    const base = signatureBase(
      {
        method,
        scheme: 'http',
        authority: headers.host!,
        path: pathname!,
        query: query ?? '',
        fields,
        contentLength: body.length,
      },
      input,
    );
    assert.ok(base !== null);
    assert.equal(headers['signature'], `gate=:${createHmac('sha256', key).update(base).digest('base64')}:`);
    assert.ok(matchesContentDigest(String(headers['content-digest']), Buffer.from(body)));
    got.push(body);
    return [got.length === 1 ? 503 : 200, '', { 'retry-after': '7' }];
  });
  const sink = createSink(
    { kind: 'webhook', url: `${url}/hook?x=1`, keyId: 'gate', key, format: 'json', ca: '' },
    origin,
  );
  assert.equal(await kindOf(sink.send(events)), 'retry 7000');
  assert.equal(await kindOf(sink.send(events)), 'taken');
  assert.equal(got[0], got[1]);
});

test('S3: the signature is that of the specification, and a batch that is sent again is the same object', async (t) => {
  const objects = new Map<string, string>();
  const url = await serve(t, ({ method, url: path, headers, body }) => {
    assert.equal(method, 'PUT');
    const hash = createHash('sha256').update(body).digest('hex');
    assert.equal(headers['x-amz-content-sha256'], hash);
    const match =
      /^AWS4-HMAC-SHA256 Credential=AK\/(\d{8})\/eu-north-1\/s3\/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$/.exec(
        headers.authorization ?? '',
      );
    assert.ok(match !== null);
    const [, day, names, signature] = match as unknown as [string, string, string, string];
    const canonical = `PUT\n${path}\n\n${names
      .split(';')
      .map((name) => `${name}:${headers[name]}\n`)
      .join('')}\n${names}\n${hash}`;
    const text = `AWS4-HMAC-SHA256\n${headers['x-amz-date']}\n${day}/eu-north-1/s3/aws4_request\n${createHash('sha256').update(canonical).digest('hex')}`;
    const key = [day, 'eu-north-1', 's3', 'aws4_request'].reduce<string | Buffer>(
      (last, part) => createHmac('sha256', last).update(part).digest(),
      'AWS4sk',
    );
    if (createHmac('sha256', key).update(text).digest('hex') !== signature)
      return [403, 'SignatureDoesNotMatch'];
    objects.set(path, body);
    return [200, ''];
  });
  const target: SinkTarget = {
    kind: 's3',
    endpoint: url,
    bucket: 'logs',
    prefix: 'gw (1)/',
    region: 'eu-north-1',
    accessKeyId: 'AK',
    secretAccessKey: 'sk',
    format: 'ocsf',
    ca: '',
  };
  const sink = createSink(target, origin);
  await sink.send(events);
  await sink.send(events);
  assert.equal(objects.size, 1);
  const [[path, body]] = [...objects] as [[string, string]];
  assert.match(path, /^\/logs\/gw%20%281%29\/2026\/08\/20\/100000-[0-9a-f]{32}\.ndjson$/);
  assert.equal(body.trimEnd().split('\n').length, 3);
  assert.equal(
    await kindOf(createSink({ ...target, secretAccessKey: 'x' }, origin).send(events)),
    'refused 0',
  );
});
