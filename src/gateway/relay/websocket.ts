// What the relay knows of the opening of WebSockets (RFC 6455): who may open one, what is offered, and whether the
// upstream really agreed.
import { createHash } from 'node:crypto';
import type { Exchange } from '../../exchange/index.ts';
import { type HardenConfig, originAllowed } from '../../guards/harden/index.ts';
import type { FieldList } from '../../http/fields/index.ts';
import type { RequestHead } from '../../http/h1/index.ts';

/** RFC 6455 section 1.3. */
const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const websocketKey = /^[A-Za-z0-9+/]{22}==$/;

/** Whether the request is a correct opening handshake (RFC 6455 section 4.2.1). */
export function isHandshake(exchange: Exchange, head: RequestHead): boolean {
  const { fields } = exchange;
  const key = fields.count('sec-websocket-key') === 1 ? fields.get('sec-websocket-key')! : '';
  return (
    exchange.method === 'GET' &&
    head.contentLength === 0 &&
    fields.get('sec-websocket-version') === '13' &&
    websocketKey.test(key)
  );
}

/**
 * Whether the page that asks may open a WebSocket: browsers ask no permission first, as they do for other requests to
 * another origin, so the gate looks. Programs send no Origin.
 */
export function isOriginWelcome(
  exchange: Exchange,
  head: RequestHead,
  harden: HardenConfig,
  origins: readonly string[],
): boolean {
  const { fields } = exchange;
  const origin = fields.get('origin');
  if (origin === null) return true;
  const own = `${exchange.secure ? 'https' : 'http'}://${head.host}`;
  return (
    origin.toLowerCase() === own.toLowerCase() ||
    origins.includes(origin.toLowerCase()) ||
    (harden.cors !== null && originAllowed(harden.cors, origin))
  );
}

/** Whether the answer's Sec-WebSocket-Accept belongs to the request's key, so that it is no answer to another. */
export function isAccepted(exchange: Exchange, answer: FieldList): boolean {
  const key = exchange.fields.get('sec-websocket-key') ?? '';
  const expected = createHash('sha1')
    .update(key + WEBSOCKET_GUID)
    .digest('base64');
  return answer.count('sec-websocket-accept') === 1 && answer.get('sec-websocket-accept') === expected;
}

/**
 * Leaves of the extensions that the client offers what may be agreed: permessage-deflate where the operation lets it
 * pass, and nothing else, as nobody here would understand its frames.
 */
export function limitExtensions(fields: FieldList, mayCompress: boolean): void {
  const offered = fields.all('sec-websocket-extensions').join(',');
  if (offered === '') return;
  fields.remove('sec-websocket-extensions');
  if (!mayCompress) return;
  const kept = offered.split(',').map((offer) => offer.trim());
  const deflate = kept.filter((offer) => /^permessage-deflate(?:\s*;|$)/i.test(offer));
  if (deflate.length > 0) fields.append('sec-websocket-extensions', deflate.join(', '));
}

/** Whether the service agreed to nothing but what it was offered. */
export function isExtensionAgreed(exchange: Exchange, answer: FieldList): boolean {
  if (!answer.has('sec-websocket-extensions')) return true;
  return (
    exchange.fields.has('sec-websocket-extensions') &&
    answer.count('sec-websocket-extensions') === 1 &&
    /^permessage-deflate(?:\s*;[^,]*)?$/i.test(answer.get('sec-websocket-extensions')!)
  );
}
