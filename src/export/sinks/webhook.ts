// A webhook: JSON lines to a URL, signed as HTTP messages are (RFC 9421) over method, target, digest and length, so that
// the receiver knows who sent the batch and that it is whole.
import { createHash, createHmac, randomUUID } from 'node:crypto';
import type { SinkTarget } from '../contract.ts';
import { encodeLine } from '../formats/index.ts';
import { allTaken, type Origin, type Sink } from '../sink.ts';
import { errorOf, post } from './http.ts';

type WebhookTarget = Extract<SinkTarget, { kind: 'webhook' }>;

/** Fields that sign a POST of `body` to `url`. */
export function signPost(
  url: string,
  body: string,
  { keyId, key }: Pick<WebhookTarget, 'keyId' | 'key'>,
  nowMs: number,
  nonce: string,
): Record<string, string> {
  const digest = `sha-256=:${createHash('sha256').update(body).digest('base64')}:`;
  const target = new URL(url);
  const parameters = `("@method" "@authority" "@path" "@query" "content-type" "content-digest");created=${Math.floor(nowMs / 1000)};nonce="${nonce}";keyid="${keyId}";alg="hmac-sha256"`;
  const base = [
    '"@method": POST',
    `"@authority": ${target.host.toLowerCase()}`,
    `"@path": ${target.pathname}`,
    `"@query": ${target.search === '' ? '?' : target.search}`,
    '"content-type": application/x-ndjson',
    `"content-digest": ${digest}`,
    `"@signature-params": ${parameters}`,
  ].join('\n');
  return {
    'content-type': 'application/x-ndjson',
    'content-digest': digest,
    'signature-input': `gate=${parameters}`,
    signature: `gate=:${createHmac('sha256', key).update(base).digest('base64')}:`,
  };
}

export function webhookSink(target: WebhookTarget, origin: Origin): Sink {
  return {
    async send(events) {
      const body = events.map((event) => `${encodeLine(event, origin, target.format)}\n`).join('');
      const headers = signPost(target.url, body, target, Date.now(), randomUUID());
      const answer = await post({ url: target.url, headers, body, ca: target.ca });
      if (answer.status < 200 || answer.status > 299) throw errorOf(answer);
      return allTaken;
    },
    close: () => Promise.resolve(),
  };
}
