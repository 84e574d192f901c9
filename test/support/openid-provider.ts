// A real OpenID provider (oidc-provider) on loopback, with its own pages for logging in: what the gate is held against
// besides the servers that the tests write themselves.
import { generateKeyPairSync } from 'node:crypto';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { Provider } from 'oidc-provider';

export interface OpenIdProvider {
  readonly url: string;
}

export interface ProviderClient {
  readonly id: string;
  readonly secret: string;
  readonly redirectUri: string;
  readonly logoutUri: string;
}

export async function startOpenIdProvider(t: TestContext, client: ProviderClient): Promise<OpenIdProvider> {
  const server = createServer((incoming, response) => handle(incoming, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  // It says at length that its settings are for trying out, which they are.
  for (const level of ['warn', 'info'] as const) t.mock.method(console, level, () => {});
  const provider = new Provider(url, {
    jwks: {
      keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'op-1', alg: 'ES256', use: 'sig' } as never],
    },
    clients: [
      {
        client_id: client.id,
        client_secret: client.secret,
        redirect_uris: [client.redirectUri],
        backchannel_logout_uri: client.logoutUri,
        backchannel_logout_session_required: true,
        grant_types: ['authorization_code'],
        response_types: ['code'],
        id_token_signed_response_alg: 'ES256',
      },
      {
        client_id: 'program',
        client_secret: 'the secret of the program',
        redirect_uris: [],
        response_types: [],
        grant_types: ['client_credentials'],
        scope: 'shop',
        id_token_signed_response_alg: 'ES256',
      },
    ],
    scopes: ['openid', 'shop'],
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    features: {
      devInteractions: { enabled: true },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      backchannelLogout: { enabled: true },
      dPoP: { enabled: true },
    },
    // Its own way of fetching refuses loopback, where the gate of the test is.
    fetch: (url, options) => {
      const { method, headers, body, signal } = options ?? {};
      return fetch(url, { method, headers, body, signal } as RequestInit);
    },
    cookies: { keys: ['a key of the test'] },
    enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
  });
  const handle = provider.callback();
  return { url };
}

/** A browser as far as a login needs one: cookies by origin, redirects, forms. */
export class FormBrowser {
  readonly #cookies = new Map<string, Map<string, string>>();
  /** Where it is. */
  location = '';

  cookiesOf(url: string): string {
    return [...(this.#cookies.get(new URL(url).origin) ?? [])]
      .map(([name, value]) => `${name}=${value}`)
      .join('; ');
  }

  async #send(url: string, body: string | null): Promise<Page> {
    const { origin } = new URL(url);
    const answer = await sendOnce(url, body, {
      accept: 'text/html',
      'sec-fetch-mode': 'navigate',
      ...(this.cookiesOf(url) === '' ? {} : { cookie: this.cookiesOf(url) }),
    });
    const jar = this.#cookies.get(origin) ?? new Map<string, string>();
    this.#cookies.set(origin, jar);
    for (const line of answer.cookies) {
      const [pair, ...attributes] = line.split(';').map((part) => part.trim());
      const at = pair!.indexOf('=');
      const [name, value] = [pair!.slice(0, at), pair!.slice(at + 1)];
      if (value === '' || attributes.some((text) => /^max-age=0$|1970/i.test(text))) jar.delete(name);
      else jar.set(name, value);
    }
    this.location = url;
    return answer;
  }

  /** Goes to `url` and follows redirects; forms are filled in from `fields` and sent on, until a page has none. */
  async open(
    url: string,
    fields: Readonly<Record<string, string>> = {},
  ): Promise<{ status: number; text: string }> {
    let answer = await this.#send(url, null);
    for (let step = 0; step < 20; step++) {
      const next = answer.location;
      if (answer.status >= 300 && answer.status < 400 && next !== null) {
        answer = await this.#send(new URL(next, this.location).href, null);
        continue;
      }
      const { text } = answer;
      const form = /<form[^>]*action="([^"]+)"[^>]*>([\s\S]*?)<\/form>/.exec(text);
      if (answer.status !== 200 || form === null) return { status: answer.status, text };
      const body = new URLSearchParams();
      for (const [input] of form[2]!.matchAll(/<input[^>]*>/g)) {
        const name = /name="([^"]+)"/.exec(input)?.[1];
        if (name !== undefined) body.set(name, fields[name] ?? /value="([^"]*)"/.exec(input)?.[1] ?? '');
      }
      // What a button says.
      for (const [name, value] of Object.entries(fields)) if (!body.has(name)) body.set(name, value);
      answer = await this.#send(new URL(form[1]!, this.location).href, body.toString());
    }
    throw new Error('the login goes in circles');
  }
}

interface Page {
  readonly status: number;
  readonly location: string | null;
  readonly cookies: readonly string[];
  readonly text: string;
}

/** `fetch` says of itself that it is a program; a browser that goes to a page does not. */
function sendOnce(url: string, body: string | null, headers: Record<string, string>): Promise<Page> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      {
        method: body === null ? 'GET' : 'POST',
        headers: {
          ...headers,
          ...(body === null
            ? {}
            : {
                'content-type': 'application/x-www-form-urlencoded',
                'content-length': String(Buffer.byteLength(body)),
              }),
        },
      },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('end', () =>
          resolve({
            status: answer.statusCode!,
            location: answer.headers.location ?? null,
            cookies: answer.headers['set-cookie'] ?? [],
            text: Buffer.concat(chunks).toString('utf8'),
          }),
        );
      },
    );
    sent.on('error', reject);
    sent.end(body ?? undefined);
  });
}
