// Elasticsearch and OpenSearch: ECS documents by `_bulk` into a data stream. `create` with an id of our own makes a
// batch that is sent again harmless; each item has a fate of its own.
import type { SinkTarget } from '../contract.ts';
import { encodeEcs } from '../formats/index.ts';
import { type Origin, SendError, type SendResult, type Sink } from '../sink.ts';
import { errorOf, parseObject, post } from './http.ts';

type ElasticTarget = Extract<SinkTarget, { kind: 'elastic' }>;

export function elasticSink(target: ElasticTarget, origin: Origin): Sink {
  const base = `${target.url.replace(/\/$/, '')}/${encodeURIComponent(target.stream)}/_bulk`;
  const url = `${base}?filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason`;
  const headers = {
    'content-type': 'application/x-ndjson',
    ...(target.authorization === '' ? {} : { authorization: target.authorization }),
  };
  return {
    async send(events) {
      const body = events
        .map(
          (event) =>
            `${JSON.stringify({ create: { _id: event.record.id } })}\n${JSON.stringify(encodeEcs(event, origin))}\n`,
        )
        .join('');
      const answer = await post({ url, headers, body, ca: target.ca });
      if (answer.status !== 200) throw errorOf(answer);
      return readItems(answer.body, events.length);
    },
    close: () => Promise.resolve(),
  };
}

function readItems(body: string, count: number): SendResult {
  const answer = parseObject(body);
  const rejected = new Map<number, string>();
  const again = new Set<number>();
  if (answer?.['errors'] === false) return { rejected, again };
  const items = answer?.['items'];
  if (!Array.isArray(items) || items.length !== count)
    throw new SendError('retry', 'the receiver does not say what became of each document');
  items.forEach(
    (item: { create?: { status?: unknown; error?: { type?: unknown; reason?: unknown } } }, index) => {
      const { status, error } = item?.create ?? {};
      // 409: it is there already, from the time before.
      if (status === 200 || status === 201 || status === 409) return;
      if (typeof status !== 'number' || status === 429 || status >= 500) again.add(index);
      else rejected.set(index, `${status} ${String(error?.type ?? '')}: ${String(error?.reason ?? '')}`);
    },
  );
  return { rejected, again };
}
