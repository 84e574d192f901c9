// A TAXII 2.1 server as the specification has it: collections with objects and the moments when they were added, pages with `next` or with
// the headers alone, filters by type, basic authentication, and objects that are added.
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

const MEDIA_TYPE = 'application/taxii+json;version=2.1';

export interface TaxiiServer {
  readonly url: string;
  readonly collection: string;
  /** Objects with when they were added, in that order. */
  readonly objects: { readonly added: string; readonly object: Record<string, unknown> }[];
  /** What clients have added. */
  readonly posted: Record<string, unknown>[];
  /** Queries of polls, in order. */
  readonly polls: URLSearchParams[];
  /** Objects of one page. */
  page: number;
  /** Pages are told by `next`; otherwise by the headers alone. */
  usesNext: boolean;
  /** Answers this status to everything; 0 for none. */
  fails: number;
}

export async function startTaxiiServer(t: TestContext, user: string, password: string): Promise<TaxiiServer> {
  const collection = randomUUID();
  const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  const server = createServer((request, response) => {
    const answer = (status: number, body: object, headers: Record<string, string> = {}): void => {
      response.writeHead(status, { 'content-type': MEDIA_TYPE, ...headers }).end(JSON.stringify(body));
    };
    const problem = (status: number, title: string): void =>
      answer(status, { title, http_status: String(status) });
    const url = new URL(request.url ?? '/', 'http://x');
    if (state.fails !== 0) return problem(state.fails, 'as the test wants it');
    if (request.headers.authorization !== authorization) return problem(401, 'who are you');
    if (!accepts(request)) return problem(406, 'TAXII 2.1 is spoken here');
    if (url.pathname !== `/api1/collections/${collection}/objects/`)
      return problem(404, 'no such collection');
    if (request.method === 'POST') {
      if (request.headers['content-type'] !== MEDIA_TYPE) return problem(415, 'TAXII 2.1 is spoken here');
      let body = '';
      request.setEncoding('utf8').on('data', (text: string) => (body += text));
      request.on('end', () => {
        const { objects } = JSON.parse(body) as { objects: Record<string, unknown>[] };
        state.posted.push(...objects);
        answer(202, {
          id: randomUUID(),
          status: 'complete',
          total_count: objects.length,
          success_count: objects.length,
          failure_count: 0,
          pending_count: 0,
        });
      });
      return;
    }
    const query = url.searchParams;
    state.polls.push(query);
    const after = query.get('added_after') ?? '';
    const type = query.get('match[type]');
    const all = state.objects.filter(
      ({ added, object }) => added > after && (type === null || object['type'] === type),
    );
    const from = state.usesNext ? Number(query.get('next') ?? 0) : 0;
    const size = Math.min(state.page, Number(query.get('limit') ?? state.page));
    const some = all.slice(from, from + size);
    const more = from + size < all.length;
    answer(
      200,
      {
        more,
        ...(more && state.usesNext ? { next: String(from + size) } : {}),
        objects: some.map((one) => one.object),
      },
      some.length === 0
        ? {}
        : { 'x-taxii-date-added-first': some[0]!.added, 'x-taxii-date-added-last': some.at(-1)!.added },
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const state: TaxiiServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api1/`,
    collection,
    objects: [],
    posted: [],
    polls: [],
    page: 100,
    usesNext: true,
    fails: 0,
  };
  return state;
}

const accepts = ({ headers }: IncomingMessage): boolean =>
  (headers.accept ?? '').split(',').some((one) => one.replaceAll(' ', '') === MEDIA_TYPE);

/** An indicator as producers send it. */
export function indicatorObject(
  pattern: string,
  more: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return {
    type: 'indicator',
    spec_version: '2.1',
    id: `indicator--${randomUUID()}`,
    created: '2026-01-01T00:00:00.000Z',
    modified: '2026-01-01T00:00:00.000Z',
    name: 'Scanner',
    indicator_types: ['malicious-activity'],
    pattern,
    pattern_type: 'stix',
    valid_from: '2026-01-01T00:00:00Z',
    ...more,
  };
}
