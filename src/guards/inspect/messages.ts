// Text without a reader of its own, as rules see it: JSON by member, anything else as one value. So come messages of a WebSocket,
// each judged as a request, or an answer, of its own, and bodies whose Content-Type says nothing to the engine. HOT
import type { Exchange } from '../../exchange/index.ts';
import type { Interruption, RuleTransaction } from '../../seclang/index.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * At most `limitBytes` of the message, one latin1 character a byte; null when it is no text. Services that parse whatever comes
 * do so with binary messages, too: those without a NUL, which no text has and every format of data soon has, are looked at.
 */
export function textOf(message: Uint8Array, isText: boolean, limitBytes: number): string | null {
  const end = Math.min(message.length, limitBytes);
  const bytes = Buffer.from(message.buffer, message.byteOffset, end);
  return !isText && bytes.includes(0) ? null : bytes.toString('latin1');
}

/** Any text as JSON text. Bytes that are no UTF-8 are escaped: they must not keep the rest from being looked at. */
export function asJson(text: string): string {
  const bytes = Buffer.from(text, 'latin1');
  if (isUtf8(bytes)) return isJson(bytes) ? text : JSON.stringify(text);
  return JSON.stringify(text).replace(/[\x80-\xff]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    utf8.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

function isJson(bytes: Buffer): boolean {
  const first = bytes[bytes.findIndex((byte) => byte !== 32 && byte !== 9 && byte !== 10 && byte !== 13)];
  if (first !== 0x7b && first !== 0x5b) return false;
  try {
    JSON.parse(bytes.toString('utf8'));
    return true;
  } catch {
    return false;
  }
}

const withReader =
  /^[^;]*[/+]json\b|^(?:application\/(?:[^;]*\+)?xml|text\/xml)\b|^application\/x-www-form-urlencoded\b|^multipart\/form-data\b/i;

/** Whether the engine reads bodies of this Content-Type; services may read others, too, whatever they are called. */
export const hasReader = (contentType: string | null): boolean =>
  contentType !== null && withReader.test(contentType);

/** Says what the handshake said of the request, but for what concerns the handshake itself. */
function describeMessage(transaction: RuleTransaction, exchange: Exchange, length: number): void {
  transaction.connection(exchange.clientAddress, 0, '', exchange.secure ? 443 : 80);
  // A GET has no body, and a rule may say so.
  transaction.requestLine(length === 0 ? 'GET' : 'POST', exchange.path, 'HTTP/1.1');
  transaction.requestHeader('host', exchange.authority);
  transaction.requestHeader('user-agent', 'websocket');
  transaction.requestHeader('accept', '*/*');
  if (length > 0) {
    transaction.requestHeader('content-type', 'application/json');
    transaction.requestHeader('content-length', String(length));
  }
}

/** Judges a message of the client. */
export function runClientMessage(
  transaction: RuleTransaction,
  exchange: Exchange,
  text: string,
): Interruption | null {
  const json = asJson(text);
  describeMessage(transaction, exchange, json.length);
  return transaction.runRequestHeaders() ?? transaction.requestBody(json) ?? transaction.runRequestBody();
}

/** Judges a message of the service. */
export function runServerMessage(
  transaction: RuleTransaction,
  exchange: Exchange,
  text: string,
): Interruption | null {
  describeMessage(transaction, exchange, 0);
  const early = transaction.runRequestHeaders() ?? transaction.runRequestBody();
  if (early !== null) return early;
  transaction.responseStatus(200, 'HTTP/1.1');
  transaction.responseHeader('content-type', 'application/json');
  return transaction.runResponseHeaders() ?? transaction.responseBody(text) ?? transaction.runResponseBody();
}
