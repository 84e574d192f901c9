// Now, live, and requests: what the last hour was like, what comes in this moment, and one request explained.
import { describeListeners } from '../config/describe.ts';
import { LogError, LogKeys, searchLogs } from '../logs/index.ts';
import type { ExchangeRecord } from '../telemetry/index.ts';
import { type AdminAnswer, type AdminHandler, type AdminParts, AdminProblem } from './contract.ts';
import { explainRequest } from './explain-request.ts';
import { sendEvents } from './live-events.ts';
import { cursorOf, numberOfCursor } from './pages.ts';
import { matchesRequest, type RequestFilter } from './request-filter.ts';
import type { Talker, Traffic } from './traffic.ts';

const TOP = 10;
/** Points of a chart at most. */
const MAX_POINTS = 180;
const STEPS_S = [1, 2, 5, 10, 15, 20, 30, 60];
/** Lines of the archive that one search looks for at most; a narrower time finds the rest. */
const MAX_ARCHIVE = 2000;

const plain = ({ name, requests, refused }: Talker) => ({ name, requests, refused });

export function trafficHandlers(parts: AdminParts, traffic: Traffic) {
  const archiveOf = () => {
    const { to } = parts.config().telemetry.accessLog;
    return typeof to === 'object' && 'segments' in to ? to.segments : null;
  };

  return {
    getStatus: () => {
      const config = parts.config();
      const facts = parts.facts();
      const listeners = describeListeners(config).map(({ name, address, exposure, serves, clients }) => ({
        name,
        address: address.replace(/:0$/, `:${facts.ports[name] ?? 0}`),
        exposure,
        serves,
        clients,
      }));
      const { version, startedMs, generation, workers, stateUp, auditEntries, upstreams } = facts;
      return {
        status: 200,
        body: {
          version,
          startedMs,
          generation,
          workers,
          apis: config.apis.filter(({ service }) => service === null).length,
          operations: config.apis.reduce((sum, { operations }) => sum + operations.length, 0),
          stateUp,
          audit: config.audit !== null,
          archive: archiveOf() !== null,
          auditEntries,
          lost: facts.lost,
          listeners,
          upstreams,
        },
      };
    },

    getNow: (request) => {
      const { window: windowS } = request.query as { window: number };
      const nowMs = parts.clock.epochMs();
      const stepS = STEPS_S.find((step) => windowS / step <= MAX_POINTS) ?? 60;
      const fromMs = nowMs - windowS * 1000;
      const top = (kind: Parameters<Traffic['top']>[0]) => traffic.top(kind, nowMs, windowS, TOP);
      const { atMs: _, ...totals } = traffic.totals(fromMs, nowMs + 1000);
      const { allowed, refused, failed, answered } = traffic.totals(fromMs - windowS * 1000, fromMs);
      return {
        status: 200,
        body: {
          atMs: nowMs,
          windowS,
          sinceMs: traffic.sinceMs,
          stepS,
          totals,
          before: { allowed, refused, failed, answered },
          series: traffic.series(nowMs, windowS, stepS),
          addresses: top('addresses').map(plain),
          consumers: top('consumers').map(plain),
          operations: top('operations').map(plain),
          codes: top('codes').map(plain),
          rules: top('rules').map((rule) => ({
            ...plain(rule),
            message: traffic.uses.rules.get(Number(rule.name))?.message ?? '',
          })),
        },
      };
    },

    live: (request) => {
      sendEvents(request, traffic, parts.clock);
      return Promise.resolve(undefined);
    },

    listRequests: async (request): Promise<AdminAnswer> => {
      const { cursor, limit, ...filter } = request.query as RequestFilter & {
        cursor?: string;
        limit: number;
      };
      const items: ExchangeRecord[] = [];
      let scanned = 0;
      let next: string | null = null;
      for (const { position, record } of traffic.recent(numberOfCursor(cursor))) {
        scanned++;
        if (!matchesRequest(record, filter)) continue;
        items.push(record);
        if (items.length < limit) continue;
        next = cursorOf(position);
        break;
      }
      const archive = archiveOf();
      const reachesBack = filter.fromMs !== undefined && filter.fromMs < traffic.sinceMs;
      if (
        items.length > 0 ||
        cursor !== undefined ||
        archive === null ||
        !(reachesBack || (filter.text === undefined && traffic.size === 0))
      )
        return { status: 200, body: { items, next, source: 'memory', scanned } };
      return { status: 200, body: await searchArchive(archive, filter, limit) };
    },

    explainRequest: async (request) => {
      const id = request.params['request']!;
      let [record] = traffic.find({ text: id }, 1);
      const archive = archiveOf();
      if (record === undefined && archive !== null)
        for await (const found of searchLogs(archive.folder, new LogKeys(archive.seal, archive.olderSeals), {
          id,
        }))
          record = found.record;
      if (record === undefined)
        throw new AdminProblem('resource-unknown', 'No request of this id is remembered here.');
      const { id: own, consumer, client_address } = record;
      const related = traffic
        .find(consumer === undefined ? { address: client_address } : { consumer }, 11)
        .filter((other) => other.id !== own)
        .slice(0, 10);
      return { status: 200, body: explainRequest(record, parts.config(), related) };
    },
  } as const satisfies Record<string, AdminHandler>;
}

async function searchArchive(
  settings: { readonly folder: string; readonly seal: string | null; readonly olderSeals: readonly string[] },
  filter: RequestFilter,
  limit: number,
) {
  const found: ExchangeRecord[] = [];
  const { fromMs, untilMs, consumer, address, operation, status, decision } = filter;
  const query = { fromMs, untilMs, consumer, address, operation, status, decision };
  const given = Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined));
  let scanned = 0;
  try {
    for await (const { record } of searchLogs(
      settings.folder,
      new LogKeys(settings.seal, settings.olderSeals),
      given,
    )) {
      scanned++;
      if (matchesRequest(record, filter)) found.push(record);
      if (found.length >= MAX_ARCHIVE) break;
    }
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    throw new AdminProblem('service-unavailable', `The archive can not be read: ${error.message}.`);
  }
  found.sort((a, b) => (a.time < b.time ? 1 : -1));
  return { items: found.slice(0, limit), next: null, source: 'archive' as const, scanned };
}
