// Other people's clients against the gate: nghttp and h2load (nghttp2), curl. Each is skipped, loudly, where it is not
// installed.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { createCertificate } from '../support/certificate.ts';
import { openConfig, startTestGate, type TestGate } from '../support/gate.ts';
import { startH2Upstream } from '../support/h2-upstream.ts';
import { answer, startRawUpstream } from '../support/raw-upstream.ts';

const run = promisify(execFile);
const certificate = createCertificate();

function needs(tool: string, test: RegExp = /./): { skip: string | false } {
  if (certificate === null) return { skip: 'openssl is not installed' };
  try {
    const version = execFileSync(tool, ['--version'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    if (!test.test(version)) throw new Error('does not speak HTTP/2');
    return { skip: false };
  } catch {
    process.stderr.write(`SKIPPED: ${tool} with HTTP/2 is not installed\n`);
    return { skip: `${tool} is not installed` };
  }
}

const start = (
  t: Parameters<typeof startTestGate>[0],
  upstreamPort: number,
  protocol = 'http1',
): Promise<TestGate> =>
  startTestGate(t, {
    config: openConfig({
      upstreamPort,
      listener: ', tls: { certificate: ./cert.pem, key: "${file:./key.pem}" }',
      upstream: `    protocol: ${protocol}`,
    }).replace(', websocket: true', ''),
    files: { 'cert.pem': certificate!.certificate, 'key.pem': certificate!.key },
  });

for (const protocol of ['http1', 'http2']) {
  test(`h2load: 5,000 requests on 400 streams, upstream ${protocol}`, needs('h2load'), async (t) => {
    const { port } = protocol === 'http1' ? await startRawUpstream(t) : await startH2Upstream(t);
    const gate = await start(t, port, protocol);
    const url = `https://127.0.0.1:${gate.port}/things`;
    const { stdout } = await run('h2load', ['-n', '5000', '-c', '8', '-m', '50', '-t', '1', url]);
    assert.match(
      stdout,
      /5000 total, 5000 started, 5000 done, 5000 succeeded, 0 failed, 0 errored, 0 timeout/,
    );
    assert.match(stdout, /status codes: 5000 2xx, 0 3xx, 0 4xx, 0 5xx/);
    assert.match(stdout, /Application protocol: h2/);
  });
}

test('nghttp: body, padding, priorities, trailers, small windows', needs('nghttp'), async (t) => {
  const upstream = await startRawUpstream(t);
  upstream.onRequest = ({ connection, body, trailers }) =>
    void connection.socket.write(
      answer(200, `${body.length} ${JSON.stringify(trailers)} ${'z'.repeat(100_000)}`),
    );
  const gate = await start(t, upstream.port);
  const url = `https://127.0.0.1:${gate.port}/things`;
  const options = [
    '--no-verify-peer',
    '--padding=200',
    '--window-bits=10',
    '--connection-window-bits=12',
    '--no-content-length',
  ];
  const { stdout } = await run(
    'nghttp',
    [
      ...options,
      '-H',
      'content-type: text/plain',
      '-H',
      ':method: POST',
      '--trailer',
      'x-sum: 1',
      '-d',
      'package.json',
      url,
    ],
    { maxBuffer: 1e7 },
  );
  assert.match(stdout.slice(0, 40), /^\d{3,} \[\["x-sum","1"\]\] z/);
  assert.equal(/z+$/.exec(stdout.trim())![0].length, 100_000);
});

test('curl over HTTP/2', needs('curl', /HTTP2/), async (t) => {
  const upstream = await startRawUpstream(t);
  const gate = await start(t, upstream.port);
  const url = `https://127.0.0.1:${gate.port}/things`;
  const { stdout } = await run('curl', ['-sk', '--http2', '-w', ' %{http_version} %{http_code}', url, url]);
  assert.equal(stdout, '{"ok":true} 2 200{"ok":true} 2 200');
  const refused = await run('curl', ['-sk', '--http2', '-w', ' %{http_code}', `${url}/..%2fx`]);
  assert.match(refused.stdout, /request-path-ambiguous.* 400$/);
});
