// Splunk's HTTP Event Collector. With acknowledgement a batch counts as taken when the indexer says so; one that is not
// said to be within five minutes is sent again, as the vendor tells senders to.
import { randomUUID } from 'node:crypto';
import type { SinkTarget } from '../contract.ts';
import { encodeObject } from '../formats/index.ts';
import { allTaken, type Origin, SendError, type Sink } from '../sink.ts';
import { errorOf, parseObject, post } from './http.ts';

type SplunkTarget = Extract<SinkTarget, { kind: 'splunk' }>;

/** Time between questions for an acknowledgement, growing from the first to the last, ms. */
const POLL_MS = { first: 250, max: 10_000 };
/** When a batch without acknowledgement is sent again, ms. */
const GIVE_UP_MS = 300_000;
/** Codes with which the collector takes nothing of this sender: token, index, channel, acknowledgement. */
const refusals = new Set([1, 2, 3, 4, 7, 10, 11, 14, 16]);

export function splunkSink(target: SplunkTarget, origin: Origin, nowMs: () => number = Date.now): Sink {
  const base = target.url.replace(/\/$/, '');
  const channel = randomUUID();
  const headers = {
    'content-type': 'application/json',
    authorization: `Splunk ${target.token}`,
    ...(target.acknowledge ? { 'x-splunk-request-channel': channel } : {}),
  };
  const closing = new AbortController();

  async function waitForAcknowledgement(id: number): Promise<void> {
    const untilMs = nowMs() + GIVE_UP_MS;
    for (let ms = POLL_MS.first; nowMs() < untilMs; ms = Math.min(ms * 2, POLL_MS.max)) {
      const answer = await post({
        url: `${base}/services/collector/ack?channel=${channel}`,
        headers,
        body: JSON.stringify({ acks: [id] }),
        ca: target.ca,
      });
      if (answer.status !== 200) throw errorOf(answer);
      const acks = parseObject(answer.body)?.['acks'] as Record<string, unknown> | undefined;
      if (acks?.[String(id)] === true) return;
      await sleep(ms, closing.signal);
      if (closing.signal.aborted) break;
    }
    throw new SendError('retry', 'the indexer has not acknowledged');
  }

  return {
    async send(events) {
      const body = events
        .map((event) =>
          JSON.stringify({
            time: event.timeMs / 1000,
            host: origin.hostname,
            source: 'gatewright',
            sourcetype: target.sourcetype,
            ...(target.index === '' ? {} : { index: target.index }),
            event: encodeObject(event, origin, target.format),
          }),
        )
        .join('\n');
      const answer = await post({ url: `${base}/services/collector/event`, headers, body, ca: target.ca });
      const said = parseObject(answer.body);
      if (answer.status !== 200) {
        const code = said?.['code'];
        // Events before the bad one may be indexed; halving finds it, at the price of a few that come twice.
        if (code === 6 || code === 12 || code === 13)
          throw new SendError('permanent', `the collector answers ${answer.status}, code ${code}`);
        if (typeof code === 'number' && refusals.has(code))
          throw new SendError('refused', `the collector answers ${answer.status}, code ${code}`);
        throw errorOf(answer);
      }
      if (target.acknowledge) {
        const id = said?.['ackId'];
        if (typeof id !== 'number') throw new SendError('refused', 'the collector acknowledges nothing');
        await waitForAcknowledgement(id);
      }
      return allTaken;
    },
    close() {
      closing.abort();
      return Promise.resolve();
    },
  };
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
