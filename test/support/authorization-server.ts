// An authorization server as far as the gate asks one: discovery, key set, introspection. It counts what it is asked.
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { TestIssuer } from './issuer.ts';

export interface AuthorizationServer {
  readonly url: string;
  readonly issuer: TestIssuer;
  /** Answers about opaque tokens, by token. */
  readonly tokens: Map<string, Record<string, unknown>>;
  /** Members of the discovery document, over what it would say. */
  metadata: Record<string, unknown>;
  /** Paths that were asked for, in order. */
  readonly asked: string[];
  /** Authorization headers and bodies of introspection requests. */
  readonly introspections: { readonly authorization: string; readonly body: string }[];
  /** When false every answer is 503. */
  up: boolean;
  /** More paths. */
  readonly routes: Map<string, (request: IncomingMessage, body: string) => { status: number; body: string }>;
}

export async function startAuthorizationServer(t: TestContext): Promise<AuthorizationServer> {
  const issuer = new TestIssuer();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      const path = request.url ?? '';
      state.asked.push(path);
      const send = (status: number, text: string): void => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(text);
      };
      if (!state.up) return send(503, '{}');
      const route = state.routes.get(path);
      if (route !== undefined) {
        const answer = route(request, body);
        return send(answer.status, answer.body);
      }
      if (path === '/.well-known/openid-configuration') {
        return send(
          200,
          JSON.stringify({
            issuer: state.url,
            jwks_uri: `${state.url}/keys`,
            introspection_endpoint: `${state.url}/introspect`,
            authorization_endpoint: `${state.url}/authorize`,
            token_endpoint: `${state.url}/token`,
            ...state.metadata,
          }),
        );
      }
      if (path === '/keys') return send(200, issuer.jwks());
      if (path === '/introspect') {
        state.introspections.push({ authorization: request.headers.authorization ?? '', body });
        const token = new URLSearchParams(body).get('token') ?? '';
        return send(200, JSON.stringify(state.tokens.get(token) ?? { active: false }));
      }
      send(404, '{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  const state: AuthorizationServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    issuer,
    tokens: new Map(),
    metadata: {},
    asked: [],
    introspections: [],
    up: true,
    routes: new Map(),
  };
  return state;
}
