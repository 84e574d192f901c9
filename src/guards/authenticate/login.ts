// A login as a data-plane thread knows it: its settings, the keys of its cookies, and a way to ask the main thread, which
// alone speaks to the issuer.
import { TextSeal } from '../../credentials/index.ts';
import type { FieldList } from '../../http/fields/index.ts';
import type { LoginConfig, LoginData, LoginRequest, LoginResult } from './contract.ts';

/** How long a request waits for the main thread, ms. */
const ASK_TIMEOUT_MS = 15_000;
const MAX_ASKED = 1000;

export class LoginReplica {
  readonly config: LoginConfig;
  /** Host and port that the login's origin has. */
  readonly authority: string;
  readonly isSecure: boolean;
  /** Changes with the keys; what was opened before is opened again. */
  version = 0;
  seal: TextSeal | null = null;
  issuer = '';
  authorizationEndpoint = '';
  endSessionEndpoint = '';
  readonly #send: (login: string, id: number, request: LoginRequest) => void;
  readonly #asked = new Map<number, (result: LoginResult) => void>();
  #count = 0;

  constructor(config: LoginConfig, send: (login: string, id: number, request: LoginRequest) => void) {
    this.config = config;
    const origin = new URL(config.origin);
    this.authority = origin.host;
    this.isSecure = origin.protocol === 'https:';
    this.#send = send;
  }

  update(data: LoginData): void {
    this.seal = new TextSeal(data.keys, data.currentId);
    this.issuer = data.issuer;
    this.authorizationEndpoint = data.authorizationEndpoint;
    this.endSessionEndpoint = data.endSessionEndpoint;
    this.version++;
  }

  /** Never rejects. */
  ask(request: LoginRequest): Promise<LoginResult> {
    if (this.#asked.size >= MAX_ASKED) return Promise.resolve({ kind: 'unavailable' });
    const id = ++this.#count;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.answered(id, { kind: 'unavailable' }), ASK_TIMEOUT_MS);
      this.#asked.set(id, (result) => {
        clearTimeout(timer);
        resolve(result);
      });
      this.#send(this.config.name, id, request);
    });
  }

  answered(id: number, result: LoginResult): void {
    const resolve = this.#asked.get(id);
    this.#asked.delete(id);
    resolve?.(result);
  }

  /** Set-Cookie of the login; an empty value takes the cookie away. */
  cookie(name: string, value: string, maxAgeSeconds: number): string {
    const secure = this.isSecure ? '; Secure' : '';
    return `${name}=${value}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Lax${secure}`;
  }

  /** `__Host-` keeps other hosts of the site from setting it (RFC 6265bis section 4.1.3.2). */
  get cookieName(): string {
    return `${this.isSecure ? '__Host-' : ''}${this.config.cookie}`;
  }

  stateCookieName(state: string): string {
    return `${this.cookieName}-${state.slice(0, 8)}`;
  }
}

/** Value of the one cookie called `name`; null when it is not there or stands twice. */
export function readCookie(fields: FieldList, name: string): string | null {
  let found: string | null = null;
  for (const line of fields.all('cookie')) {
    for (const part of line.split(';')) {
      const at = part.indexOf('=');
      if (at === -1 || part.slice(0, at).trim() !== name) continue;
      if (found !== null) return null;
      found = part.slice(at + 1).trim();
    }
  }
  return found;
}

/** Takes cookies whose names begin with one of `prefixes` off the request. */
export function dropCookies(fields: FieldList, prefixes: readonly string[]): void {
  if (!fields.has('cookie')) return;
  const kept: string[] = [];
  for (const line of fields.all('cookie')) {
    for (const part of line.split(';')) {
      const name = part.slice(0, Math.max(0, part.indexOf('='))).trim();
      if (part.trim() !== '' && !prefixes.some((prefix) => name.startsWith(prefix))) kept.push(part.trim());
    }
  }
  fields.remove('cookie');
  if (kept.length > 0) fields.append('cookie', kept.join('; '));
}
