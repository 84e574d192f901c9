// An HTTP/2 upstream in clear text, made of Node's own server, that remembers what it was asked and how.
import {
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type Settings,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { TestContext } from 'node:test';

export interface H2UpstreamRequest {
  readonly headers: IncomingHttpHeaders;
  readonly stream: ServerHttp2Stream;
  readonly session: ServerHttp2Session;
  /** The whole body, once it is here. */
  body: Promise<Buffer>;
  trailers: IncomingHttpHeaders;
}

export interface H2Upstream {
  readonly port: number;
  readonly sessions: ServerHttp2Session[];
  readonly sockets: Socket[];
  readonly requests: H2UpstreamRequest[];
  /** Most streams that were open on one session at once. */
  mostStreams: number;
  /** Called for each request as soon as its head is here; by default answers 200 with a small JSON body at the end. */
  onRequest: (request: H2UpstreamRequest) => void;
}

export async function startH2Upstream(t: TestContext, settings: Settings = {}): Promise<H2Upstream> {
  const server = createServer({ settings });
  const open = new Map<ServerHttp2Session, number>();
  const upstream: H2Upstream = {
    port: 0,
    sessions: [],
    sockets: [],
    requests: [],
    mostStreams: 0,
    onRequest: ({ body, stream }) =>
      void body.then(() => {
        if (stream.destroyed) return;
        stream.respond({ ':status': 200, 'content-type': 'application/json' });
        stream.end('{"ok":true}');
      }),
  };
  server.on('connection', (socket: Socket) => void upstream.sockets.push(socket));
  server.on('session', (session) => {
    upstream.sessions.push(session);
    session.on('error', () => {});
  });
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    const session = stream.session as ServerHttp2Session;
    const count = (open.get(session) ?? 0) + 1;
    open.set(session, count);
    upstream.mostStreams = Math.max(upstream.mostStreams, count);
    stream.on('close', () => open.set(session, open.get(session)! - 1));
    stream.on('error', () => {});
    const chunks: Buffer[] = [];
    const request: H2UpstreamRequest = {
      headers,
      stream,
      session,
      body: new Promise((resolve) => {
        stream.on('end', () => resolve(Buffer.concat(chunks)));
        stream.on('data', (chunk: Buffer) => void chunks.push(chunk));
      }),
      trailers: {},
    };
    stream.on('trailers', (trailers: IncomingHttpHeaders) => {
      request.trailers = trailers;
    });
    upstream.requests.push(request);
    upstream.onRequest(request);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const session of upstream.sessions) session.destroy();
    server.close();
  });
  return Object.assign(upstream, { port: (server.address() as AddressInfo).port });
}
