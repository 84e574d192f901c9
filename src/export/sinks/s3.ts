// Objects of JSON lines in S3 or what speaks its protocol (AWS Signature Version 4). The name of an object follows from
// its events: a batch that is sent again overwrites itself.
import { createHash, createHmac } from 'node:crypto';
import type { SinkTarget } from '../contract.ts';
import { encodeLine } from '../formats/index.ts';
import { allTaken, type Origin, type Sink } from '../sink.ts';
import { errorOf, post } from './http.ts';

type S3Target = Extract<SinkTarget, { kind: 's3' }>;

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const encodePath = (path: string): string =>
  path
    .split('/')
    .map((part) =>
      encodeURIComponent(part).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`),
    )
    .join('/');

/** Fields that sign a PUT of `body` to `url` (path encoded, no query). */
export function signPut(
  url: string,
  body: string,
  target: Pick<S3Target, 'region' | 'accessKeyId' | 'secretAccessKey'>,
  nowMs: number,
): Record<string, string> {
  const { host, pathname } = new URL(url);
  const time = new Date(nowMs).toISOString().replace(/[-:]|\.\d{3}/g, '');
  const scope = `${time.slice(0, 8)}/${target.region}/s3/aws4_request`;
  const hash = sha256(body);
  const names = 'content-type;host;x-amz-content-sha256;x-amz-date';
  const canonical = [
    'PUT',
    pathname,
    '',
    'content-type:application/x-ndjson',
    `host:${host}`,
    `x-amz-content-sha256:${hash}`,
    `x-amz-date:${time}`,
    '',
    names,
    hash,
  ].join('\n');
  let key = hmac(`AWS4${target.secretAccessKey}`, time.slice(0, 8));
  for (const part of [target.region, 's3', 'aws4_request']) key = hmac(key, part);
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${time}\n${scope}\n${sha256(canonical)}`).toString('hex');
  return {
    'content-type': 'application/x-ndjson',
    'x-amz-content-sha256': hash,
    'x-amz-date': time,
    authorization: `AWS4-HMAC-SHA256 Credential=${target.accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`,
  };
}

export function s3Sink(target: S3Target, origin: Origin): Sink {
  const base = `${target.endpoint.replace(/\/$/, '')}/${encodePath(target.bucket)}`;
  return {
    async send(events) {
      const body = events.map((event) => `${encodeLine(event, origin, target.format)}\n`).join('');
      const first = events[0]!.record;
      const ids = sha256(events.map(({ record }) => record.id).join('\n')).slice(0, 32);
      const name = `${target.prefix}${first.time.slice(0, 10).replaceAll('-', '/')}/${first.time.slice(11, 19).replaceAll(':', '')}-${ids}.ndjson`;
      const url = `${base}/${encodePath(name)}`;
      const answer = await post({
        url,
        method: 'PUT',
        headers: signPut(url, body, target, Date.now()),
        body,
        ca: target.ca,
      });
      if (answer.status < 200 || answer.status > 299) throw errorOf(answer);
      return allTaken;
    },
    close: () => Promise.resolve(),
  };
}
