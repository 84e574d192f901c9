// The regression cases of the Core Rule Set on the wire: a gate in detection mode with the rule set and every path open, the
// backend that the cases want, and a client that sends each request byte for byte.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { type CrsInput, caseVariables, requestOf } from './crs-engine.ts';
import { startTestGate, type TestGate } from './gate.ts';

const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'];
/** Deepest path of a case. */
const DEPTH = 12;

/** A contract that has every path up to a depth, with every method that OpenAPI knows. */
function openContract(): string {
  const paths: Record<string, unknown> = {};
  const operations = (path: string, parameters: readonly object[]): void => {
    paths[path] = {
      parameters,
      ...Object.fromEntries(
        methods.map((method) => [method, { operationId: `${method} ${path}`, responses: {} }]),
      ),
    };
  };
  operations('/', []);
  for (let depth = 1; depth <= DEPTH; depth++) {
    const names = Array.from({ length: depth }, (_, i) => `p${i}`);
    const parameters = names.map((name) => ({
      name,
      in: 'path',
      required: true,
      schema: { type: 'string' },
    }));
    const path = names.map((name) => `/{${name}}`).join('');
    operations(path, parameters);
    operations(`${path}/`, parameters);
  }
  return JSON.stringify({ openapi: '3.1.0', info: { title: 'Any', version: '1' }, paths });
}

const quoted = (text: string): string => JSON.stringify(text);

function config(upstreamPort: number, rules: string, contract: string): string {
  const { paths } = JSON.parse(contract) as {
    paths: Record<string, Record<string, { operationId?: string }>>;
  };
  const ids = Object.values(paths).flatMap((entry) => methods.map((method) => entry[method]!.operationId!));
  const variables = [...caseVariables, { name: 'allowed_methods', value: 'GET HEAD POST OPTIONS' }];
  return `listeners: { public: { port: 0, host: 127.0.0.1 } }
upstreams: { backend: { targets: [ http://127.0.0.1:${upstreamPort} ], retries: { attempts: 0 } } }
apis:
  any:
    contract: ./openapi.yaml
    upstream: backend
    limits: []
    validate: false
    max-body: 16MiB
    headers: { security: false, hsts: false, remove: [] }
    inspect:
      rules: [ ${quoted(rules)} ]
      mode: detect
      max-time: 5m
      variables: { ${variables.map(({ name, value }) => `${name}: ${quoted(value)}`).join(', ')} }
    operations:
${ids.map((id) => `      ${quoted(id)}: { public: true, reason: every path of the cases }`).join('\n')}
http: { max-head: 1MiB, max-target: 512KiB, max-fields: 1000 }
telemetry: { listen: { port: 0 }, access-log: { to: { file: ./access.log } } }
`;
}

interface Reflected {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly encodedBody?: string;
}

/** Tells the trace of each request in its answer: by it the client finds the line of the access log. */
async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  heads: Map<string, string>,
): Promise<void> {
  const trace = String(request.headers['traceparent']).split('-')[1]!;
  heads.set(trace, `${request.method} ${request.url} ${request.rawHeaders.join(' ')}`);
  const body = await buffer(request);
  let wanted: Reflected = {};
  if (request.method === 'POST' && request.url!.startsWith('/reflect')) {
    try {
      wanted = JSON.parse(body.toString('utf8')) as Reflected;
    } catch {
      // Whatever else comes is answered like all.
    }
  }
  const bytes =
    wanted.encodedBody === undefined
      ? Buffer.from(wanted.body ?? '')
      : Buffer.from(wanted.encodedBody, 'base64');
  response.writeHead(wanted.status ?? 200, {
    ...wanted.headers,
    'x-trace': trace,
    'content-length': bytes.length,
  });
  response.end(bytes);
}

export interface CrsGate {
  readonly gate: TestGate;
  /** Request line and fields that the backend got, by trace. */
  readonly heads: ReadonlyMap<string, string>;
}

/** A gate whose one API is inspected by the rules at `rules`. */
export async function startCrsGate(t: TestContext, rules: string): Promise<CrsGate> {
  const heads = new Map<string, string>();
  const backend = createServer((request, response) => void answer(request, response, heads));
  // A busy gate may not see in time that an idle connection was closed.
  backend.keepAliveTimeout = 300_000;
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    backend.closeAllConnections();
    backend.close();
  });
  const contract = openContract();
  const { port } = backend.address() as AddressInfo;
  const gate = await startTestGate(t, { config: config(port, rules, contract), contract });
  return { gate, heads };
}

/** Bytes of a case's request. */
export function bytesOf(input: CrsInput): Buffer {
  if (input.encoded_request !== undefined) return Buffer.from(input.encoded_request, 'base64');
  const { method, uri, version, headers, body } = requestOf(input);
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.from(`${method} ${uri} ${version}\r\n${lines}\r\n${body}`, 'latin1');
}

export interface WireAnswer {
  readonly status: number;
  /** Trace id of a request that reached the backend; empty for others. */
  readonly trace: string;
  /** Code of the gate's own refusal; empty for answers of the backend. */
  readonly code: string;
}

/** Sends bytes on a connection of their own and reads what comes back until it ends. */
export function sendBytes(port: number, bytes: Buffer): Promise<WireAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    let text = '';
    socket.setEncoding('latin1');
    socket.setTimeout(120_000, () => socket.destroy(new Error('no answer')));
    const finish = (): void => {
      const head = /^HTTP\/1\.1 (\d{3})/.exec(text);
      socket.destroy();
      if (head === null) return reject(new Error(`no answer: ${text.slice(0, 200)}`));
      resolve({
        status: Number(head[1]),
        trace: /\r\nx-trace: ([0-9a-f]{32})\r\n/.exec(text)?.[1] ?? '',
        code: /"type":"urn:gatewright:problem:([a-z0-9-]+)"/.exec(text)?.[1] ?? '',
      });
    };
    socket.on('data', (piece: string) => {
      text += piece;
      // Requests that keep their connection open are answered with a length.
      const end = text.indexOf('\r\n\r\n');
      const length = /\r\ncontent-length: (\d+)\r\n/i.exec(text)?.[1];
      if (end !== -1 && length !== undefined && text.length >= end + 4 + Number(length)) finish();
    });
    socket.on('end', finish);
    socket.on('error', reject);
  });
}
