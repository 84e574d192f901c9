// What the relay knows of WebSockets (RFC 6455): who may open one, whether the upstream really agreed, and the rules
// that both directions keep while the bytes pass.
import { createHash } from 'node:crypto';
import type { Exchange } from '../../exchange/index.ts';
import { type HardenConfig, originAllowed } from '../../guards/harden/index.ts';
import type { FieldList } from '../../http/fields/index.ts';
import type { RequestHead } from '../../http/h1/index.ts';
import { encodeClose, type WebSocketLimits, WebSocketMonitor } from '../../http/websocket/index.ts';

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
export function isOriginWelcome(exchange: Exchange, head: RequestHead, harden: HardenConfig): boolean {
  const { fields } = exchange;
  const origin = fields.get('origin');
  if (origin === null) return true;
  const own = `${exchange.secure ? 'https' : 'http'}://${head.host}`;
  return (
    origin.toLowerCase() === own.toLowerCase() || (harden.cors !== null && originAllowed(harden.cors, origin))
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

/** Both directions of an open WebSocket. */
export class WebSocketTunnel {
  readonly #client: WebSocketMonitor;
  readonly #server: WebSocketMonitor;

  /** `answer`: the fields of the 101 answer, which say what compression was agreed. */
  constructor(limits: WebSocketLimits, answer: FieldList) {
    const compression = /(?:^|,)\s*permessage-deflate\b/i.test(
      answer.all('sec-websocket-extensions').join(','),
    );
    this.#client = new WebSocketMonitor('client', limits, compression);
    // An upstream may send as often as it likes.
    this.#server = new WebSocketMonitor('server', { ...limits, maxMessagesPerSecond: 0 }, compression);
  }

  /** 0, or the close code of the rule that the client's bytes break. */
  checkClient(bytes: Buffer, start: number, end: number, nowMs: number): number {
    return this.#client.run(bytes, start, end, nowMs);
  }

  checkServer(bytes: Buffer, start: number, end: number, nowMs: number): number {
    return this.#server.run(bytes, start, end, nowMs);
  }

  /** A Close frame for the client, or null where a frame of the server is under way and nothing fits between. */
  closeForClient(code: number): Buffer | null {
    return this.#server.betweenFrames && !this.#server.closed ? encodeClose(code, false) : null;
  }

  closeForServer(code: number): Buffer | null {
    return this.#client.betweenFrames && !this.#client.closed ? encodeClose(code, true) : null;
  }
}
