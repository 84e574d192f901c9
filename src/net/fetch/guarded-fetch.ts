// Fetching what a document or an operator names, without becoming somebody's way into the network: https only (http on
// loopback), no redirects, no proxies, and the address that was judged is the one that is connected to, so that a name
// can not mean one thing when it is checked and another when it is used.
import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import type { PeerCertificate } from 'node:tls';
import { isLinkLocal, isLoopback, isPublicAddress } from './public-address.ts';

/** Which addresses may be connected to; link-local ones never. */
export type Reach = 'public' | 'anywhere';

export interface GuardedRequest {
  readonly url: string;
  readonly method?: 'GET' | 'POST' | 'PUT';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** How the answer's body becomes text: UTF-8, or a character for each byte. */
  readonly encoding?: 'utf8' | 'latin1';
  readonly reach: Reach;
  /** PEM authorities instead of the well-known ones; empty for those. */
  readonly ca?: string;
  /** PEM of the client's certificate and its key; empty for none. */
  readonly certificate?: string;
  readonly key?: string;
  /** Judges the server's certificate, whose chain was verified, instead of comparing host names. */
  readonly identify?: (certificate: PeerCertificate) => Error | undefined;
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

export interface GuardedAnswer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
}

/** The request was not made, or came to nothing; the message holds no secret of the request. */
export class FetchError extends Error {
  override readonly name = 'FetchError';
}

/** `::1` and `[::1]` are both used for addresses in hosts. */
const bare = (host: string): string => host.replace(/^\[(.*)\]$/, '$1');

/** Why `url` must not be fetched, before any name is looked up; null when it may. */
export function refuseUrl(text: string, reach: Reach): string | null {
  if (!URL.canParse(text)) return 'it is no URL';
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') return 'it holds credentials';
  const host = bare(url.hostname);
  const isHere = host === 'localhost' || isLoopback(host);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isHere && reach === 'anywhere'))
    return 'only https is spoken, or http to loopback';
  const isAddress = host.includes(':') || /^\d+(?:\.\d+){3}$/.test(host);
  return isAddress ? refuseAddress(host, reach) : null;
}

function refuseAddress(address: string, reach: Reach): string | null {
  if (isLinkLocal(address)) return 'its address is link-local';
  return reach === 'public' && !isPublicAddress(address) ? 'its address is not public' : null;
}

/** Rejects with FetchError. */
export function guardedFetch(request: GuardedRequest): Promise<GuardedAnswer> {
  const { url, reach, timeoutMs, maxBytes } = request;
  const refused = refuseUrl(url, reach);
  const host = URL.canParse(url) ? new URL(url).host : 'the address';
  if (refused !== null) return Promise.reject(new FetchError(`${host} is not asked: ${refused}`));
  const lookup: LookupFunction = (name, options, callback) => {
    systemLookup(name, { ...options, all: true }, (error, found) => {
      if (error !== null) return callback(error, '', 0);
      const allowed = (found as LookupAddress[]).filter(
        ({ address }) => refuseAddress(address, reach) === null,
      );
      const first = allowed[0];
      if (first === undefined) {
        return callback(new FetchError(`${host} is not asked: none of its addresses may be`), '', 0);
      }
      if (options.all === true) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void =>
      reject(
        error instanceof FetchError ? error : new FetchError(`${host} does not answer (${codeOf(error)})`),
      );
    const isTls = new URL(url).protocol === 'https:';
    const outgoing = (isTls ? httpsRequest : httpRequest)(
      url,
      {
        method: request.method ?? 'GET',
        headers: {
          ...request.headers,
          'accept-encoding': 'identity',
          ...(request.body === undefined ? {} : { 'content-length': Buffer.byteLength(request.body) }),
        },
        lookup,
        agent: false,
        signal: AbortSignal.timeout(timeoutMs),
        ...(isTls && request.ca !== undefined && request.ca !== '' ? { ca: request.ca } : {}),
        ...(isTls && request.certificate !== undefined && request.certificate !== ''
          ? { cert: request.certificate, key: request.key ?? '' }
          : {}),
        ...(isTls && request.identify !== undefined
          ? { checkServerIdentity: (_host: string, peer: PeerCertificate) => request.identify!(peer) }
          : {}),
      },
      (answer) => {
        const chunks: Buffer[] = [];
        let size = 0;
        answer.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size <= maxBytes) chunks.push(chunk);
          else {
            fail(new FetchError(`${host} answers with too much`));
            outgoing.destroy();
          }
        });
        answer.on('error', fail);
        answer.on('end', () =>
          resolve({
            status: answer.statusCode ?? 0,
            headers: answer.headers,
            body: Buffer.concat(chunks).toString(request.encoding ?? 'utf8'),
          }),
        );
      },
    );
    outgoing.on('error', fail);
    outgoing.end(request.body);
  });
}

/** What went wrong, in a word that tells nothing of the inside. */
function codeOf(error: Error): string {
  const { code, name } = error as NodeJS.ErrnoException;
  return name === 'TimeoutError' || name === 'AbortError' ? 'too late' : (code ?? name);
}
