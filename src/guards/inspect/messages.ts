// Messages of a WebSocket as rules see them: each is judged as a request, or an answer, of its own, with the target of the
// handshake and one body. JSON is looked at by member; any other text is one value. HOT
import type { Exchange } from '../../exchange/index.ts';
import type { Interruption, RuleTransaction } from '../../seclang/index.ts';

/** Bytes that no text holds: a binary message with one of them is taken for what it says it is. */
const unprintable = /[\x00-\x08\x0e-\x1f\x7f]/;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * At most `limitBytes` of the message, one latin1 character a byte; null when it is no text. Services that parse whatever comes
 * do so with binary messages, too: those that hold text are looked at like text.
 */
export function messageText(message: Uint8Array, isText: boolean, limitBytes: number): string | null {
  let end = Math.min(message.length, limitBytes);
  // A character that the limit cuts in two would make the text invalid.
  if (end < message.length) while (end > 0 && message[end - 1]! > 127) end--;
  const bytes = Buffer.from(message.buffer, message.byteOffset, end);
  const text = bytes.toString('latin1');
  return !isText && (unprintable.test(text) || !isUtf8(bytes)) ? null : text;
}

/** Any text as JSON text. */
const asJson = (text: string): string => (isJson(Buffer.from(text, 'latin1')) ? text : JSON.stringify(text));

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
