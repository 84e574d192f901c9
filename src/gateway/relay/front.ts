// What a listener answers before any operation: ACME challenges over HTTP (RFC 8555 section 8.3), and on a listener that
// only redirects, the way to https. The target is built from configured names; nothing of the request chooses the host.
import { Answer, type Decision, type Exchange, Refusal } from '../../exchange/index.ts';

export interface RedirectTarget {
  /** Lower-case names; `*.example.com` stands for one label. Never empty. */
  readonly hosts: readonly string[];
  /** 443 is not written. */
  readonly port: number;
}

const CHALLENGE_PREFIX = '/.well-known/acme-challenge/';

/** One label of a host name. */
const label = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;

export class Front {
  /** Key authorizations by token; shared with the thread, which changes it. */
  readonly #challenges: ReadonlyMap<string, string>;
  readonly #redirect: RedirectTarget | null;
  readonly #exact: ReadonlySet<string>;
  readonly #parents: ReadonlySet<string>;

  constructor(challenges: ReadonlyMap<string, string>, redirect: RedirectTarget | null) {
    this.#challenges = challenges;
    this.#redirect = redirect;
    const hosts = redirect?.hosts ?? [];
    this.#exact = new Set(hosts.filter((host) => !host.startsWith('*.')));
    this.#parents = new Set(hosts.filter((host) => host.startsWith('*.')).map((host) => host.slice(1)));
  }

  /** The answer, or null when the request is for an operation. */
  answer(exchange: Exchange): Exclude<Decision, null> | null {
    if (this.#challenges.size > 0 && exchange.path.startsWith(CHALLENGE_PREFIX)) {
      const found = this.#challenges.get(exchange.path.slice(CHALLENGE_PREFIX.length));
      if (found !== undefined && (exchange.method === 'GET' || exchange.method === 'HEAD'))
        return new Answer(200, 'gate', ['content-type', 'application/octet-stream'], found);
    }
    const redirect = this.#redirect;
    if (redirect === null) return null;
    const host = this.#knownHost(exchange.host);
    if (host === null) return new Refusal('operation-unknown', 'router', 'redirect-host');
    const port = redirect.port === 443 ? '' : `:${redirect.port}`;
    const query = exchange.query === '' ? '' : `?${exchange.query}`;
    return new Answer(308, 'gate', ['location', `https://${host}${port}${exchange.path}${query}`]);
  }

  /** The host as it was configured, or a checked label below a configured parent. */
  #knownHost(host: string): string | null {
    if (this.#exact.has(host)) return host;
    const dot = host.indexOf('.');
    if (dot > 0 && this.#parents.has(host.slice(dot)) && label.test(host.slice(0, dot))) return host;
    return null;
  }
}
