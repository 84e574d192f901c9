// Server-sent events: a bucket each second, and requests as they end. A browser that does not read fast enough is told of fewer
// requests, and how many it missed.
import type { ServerResponse } from 'node:http';
import type { Clock } from '../core/index.ts';
import type { ExchangeRecord } from '../telemetry/index.ts';
import { AdminProblem, type AdminRequest } from './contract.ts';
import { matchesRequest, type RequestFilter } from './request-filter.ts';
import type { Traffic } from './traffic.ts';

const TICK_MS = 1000;
/** A stream ends after so long, and whoever still may begins another: a role that was taken away does not go on looking, ms. */
const STREAM_MS = 300_000;
/** Requests told in one tick; more than people can read. */
const MAX_A_TICK = 200;
/** Streams at once. */
const MAX_STREAMS = 100;
/** Unsent bytes of a stream beyond which requests are left out. */
const MAX_UNSENT_BYTES = 262_144;

export function sendEvents({ request, response, query }: AdminRequest, traffic: Traffic, clock: Clock): void {
  if (traffic.listeners >= MAX_STREAMS)
    throw new AdminProblem('service-unavailable', 'Too many live views are open.');
  const { requests, ...filter } = query as RequestFilter & { requests: 'all' | 'none' };
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  let waiting: ExchangeRecord[] = [];
  let missed = 0;
  const forget = traffic.listen((record) => {
    if (requests === 'none' || !matchesRequest(record, filter)) return;
    if (waiting.length < MAX_A_TICK) waiting.push(record);
    else missed++;
  });
  const tick = (): void => {
    const nowMs = clock.epochMs();
    const [bucket] = traffic.series(nowMs - 1000, 1, 1);
    send(response, 'tick', bucket);
    if (response.writableLength > MAX_UNSENT_BYTES) missed += waiting.length;
    else if (waiting.length > 0 || missed > 0) {
      send(response, 'requests', { items: waiting, missed });
      missed = 0;
    }
    waiting = [];
  };
  const timer = setInterval(tick, TICK_MS);
  tick();
  const last = setTimeout(() => response.end(), STREAM_MS);
  const end = (): void => {
    clearTimeout(last);
    clearInterval(timer);
    forget();
  };
  response.once('close', end);
  request.once('error', end);
}

const send = (response: ServerResponse, event: string, data: unknown): void => {
  response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
};
