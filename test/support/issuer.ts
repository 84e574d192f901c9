// A token issuer with keys of its own, and a server for its key set that counts how often it is asked.
import { generateKeyPairSync } from 'node:crypto';
import { type AddressInfo, createServer } from 'node:net';
import type { TestContext } from 'node:test';
import { compileJwk, signJws, signJwt } from '../../src/jose/index.ts';

type Key = ReturnType<typeof compileJwk>;

export const ISSUER = 'https://login.example.com';
export const AUDIENCE = 'things';

export class TestIssuer {
  #key: Key;
  #jwk: Record<string, unknown>;
  #generation = 0;

  constructor() {
    [this.#key, this.#jwk] = this.#create();
  }

  #create(): [Key, Record<string, unknown>] {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = {
      ...(privateKey.export({ format: 'jwk' }) as Record<string, unknown>),
      kid: `key-${++this.#generation}`,
      alg: 'ES256',
      use: 'sig',
    };
    return [compileJwk(jwk), jwk];
  }

  /** The public key set, JSON text. */
  jwks(): string {
    const { d: _private, ...jwk } = this.#jwk;
    return JSON.stringify({ keys: [jwk] });
  }

  /** Replaces the key; tokens of the old one are no longer in the set. */
  rotate(): void {
    [this.#key, this.#jwk] = this.#create();
  }

  /** A token over exactly this payload. */
  raw(payload: string): string {
    return signJws({ alg: 'ES256', kid: this.#key.kid }, Buffer.from(payload), this.#key);
  }

  /** A token that is good for an hour, but for what `claims` says otherwise. */
  token(
    claims: Readonly<Record<string, unknown>> = {},
    header: Readonly<Record<string, unknown>> = {},
  ): string {
    const now = Math.floor(Date.now() / 1000);
    const all = { iss: ISSUER, aud: AUDIENCE, sub: 'ingrid', iat: now, exp: now + 3600, ...claims };
    if (Object.keys(header).length === 0) return signJwt(all, this.#key, 'ES256');
    return signJws(
      { alg: 'ES256', kid: this.#key.kid, ...header },
      Buffer.from(JSON.stringify(all)),
      this.#key,
    );
  }
}

export interface JwksServer {
  readonly url: string;
  /** How often the set was fetched. */
  fetches: number;
  /** When false the server answers 503. */
  up: boolean;
}

export async function startJwksServer(t: TestContext, issuer: TestIssuer): Promise<JwksServer> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      state.fetches++;
      const body = state.up ? issuer.jwks() : '{}';
      const status = state.up ? '200 OK' : '503 Service Unavailable';
      socket.end(
        `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => new Promise<void>((resolve) => server.close(() => resolve())));
  const state = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`,
    fetches: 0,
    up: true,
  };
  return state;
}
