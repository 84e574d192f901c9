// An application of the demo's bank, as its developers would write it: people sign in at the gate's authorization server
// (authorization code with PKCE), and the application asks the API through the gate with the token that it got.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import * as client from 'openid-client';
import { html } from '../oauth/index.ts';

export interface WebAppOptions {
  readonly port: number;
  readonly issuer: string;
  readonly clientId: string;
  /** Resource indicator of the API, and where it is reached. */
  readonly resource: string;
  readonly api: string;
  readonly scopes: readonly string[];
}

interface Account {
  readonly name: string;
  readonly id: string;
  readonly balance: string;
  readonly currency: string;
}

/** Logins that were begun, newest last; a demo has few. */
const MAX_BEGUN = 100;

const style = `:root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:3rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%;margin:1rem 0}td{padding:.5rem 0;border-top:1px solid #8886}td:last-child{text-align:right;font-variant-numeric:tabular-nums}
a{display:inline-block;margin-right:1.5rem}pre{overflow:auto;padding:1rem;border:1px solid #8886;border-radius:.5rem;font-size:.85rem}`;

export async function startWebApp(options: WebAppOptions): Promise<{ close(): Promise<void> }> {
  const { port, issuer, clientId, resource, api, scopes } = options;
  const callback = `http://localhost:${port}/callback`;
  const begun = new Map<string, string>();
  let discovered: client.Configuration | null = null;
  const configuration = async (): Promise<client.Configuration> => {
    discovered ??= await client.discovery(new URL(issuer), clientId, undefined, client.None(), {
      execute: [client.allowInsecureRequests],
    });
    return discovered;
  };
  const page = (response: ServerResponse, body: ReturnType<typeof html>, status = 200): void => {
    response.writeHead(status, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' });
    response.end(
      `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Fjordbank</title><style>${style}</style>${body.text}</html>`,
    );
  };

  const begin = async (response: ServerResponse): Promise<void> => {
    const config = await configuration();
    const [verifier, state] = [client.randomPKCECodeVerifier(), client.randomState()];
    begun.set(state, verifier);
    if (begun.size > MAX_BEGUN) begun.delete(begun.keys().next().value!);
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: callback,
      scope: ['openid', ...scopes].join(' '),
      resource,
      state,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    });
    response.writeHead(303, { location: url.href }).end();
  };

  const finish = async (url: URL, response: ServerResponse): Promise<void> => {
    const config = await configuration();
    const state = url.searchParams.get('state') ?? '';
    const verifier = begun.get(state);
    begun.delete(state);
    if (verifier === undefined) throw new Error('this login was not begun here');
    const tokens = await client.authorizationCodeGrant(config, url, {
      pkceCodeVerifier: verifier,
      expectedState: state,
    });
    const answer = await fetch(`${api}/accounts`, {
      headers: { authorization: `Bearer ${tokens.access_token}` },
    });
    const accounts = answer.ok ? ((await answer.json()) as Account[]) : [];
    const out = new URL(`${issuer}/logout`);
    out.searchParams.set('client_id', clientId);
    out.searchParams.set('post_logout_redirect_uri', `http://localhost:${port}/`);
    page(
      response,
      html`<h1>Good day, ${tokens.claims()?.sub ?? 'stranger'}</h1>
<p>Your accounts, by <code>GET /accounts</code> through the gate (${answer.status}):</p>
<table>${accounts.map(({ name, id, balance, currency }) => html`<tr><td>${name}<br><small>${id}</small></td><td>${balance} ${currency}</td></tr>`)}</table>
<p>The access token may <strong>${tokens.scope ?? 'nothing'}</strong>, for ${tokens.expires_in ?? 0} seconds:</p>
<pre>${tokens.access_token}</pre>
<p><a href="${issuer}/account">Your account</a><a href="${out.href}">Sign out</a></p>`,
    );
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', `http://localhost:${port}`);
    if (url.pathname === '/sign-in') return begin(response);
    if (url.pathname === '/callback') return finish(url, response);
    page(
      response,
      html`<h1>Fjordbank</h1><p>See your accounts.</p><p><a href="/sign-in">Sign in</a></p>`,
      url.pathname === '/' ? 200 : 404,
    );
  };

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      const text = error instanceof Error ? error.message : String(error);
      page(response, html`<h1>That did not work</h1><p>${text}</p><p><a href="/">Begin again</a></p>`, 400);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve());
  });
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
