// A client of TAXII 2.1 (OASIS): objects of a collection that came after a moment, page by page, and objects added to one.
import { FetchError, type GuardedAnswer, guardedFetch } from '../net/index.ts';
import { IntelError, type TaxiiServerConfig } from './contract.ts';

const MEDIA_TYPE = 'application/taxii+json;version=2.1';
const TIMEOUT_MS = 30_000;
const MAX_PAGE_BYTES = 32 << 20;
/** Objects that are asked for at once; servers may send fewer. */
const PAGE = 1000;
/** Pages of one poll; what is behind them comes with the next. */
const MAX_PAGES = 1000;

export interface TaxiiPage {
  readonly objects: readonly unknown[];
  /** `added_after` of the next poll, once this page was taken. */
  readonly addedAfter: string;
}

const isTime = (text: string): boolean => /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text);

async function call(
  { url, collection, authorization, ca }: TaxiiServerConfig,
  query: string,
  body?: string,
): Promise<GuardedAnswer> {
  const target = `${url.replace(/\/$/, '')}/collections/${encodeURIComponent(collection)}/objects/${query}`;
  const headers: Record<string, string> = { accept: MEDIA_TYPE };
  if (authorization !== '') headers['authorization'] = authorization;
  if (body !== undefined) headers['content-type'] = MEDIA_TYPE;
  let answer: GuardedAnswer;
  try {
    answer = await guardedFetch({
      url: target,
      method: body === undefined ? 'GET' : 'POST',
      headers,
      ...(body === undefined ? {} : { body }),
      ca,
      reach: 'anywhere',
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_PAGE_BYTES,
    });
  } catch (error) {
    throw new IntelError(error instanceof FetchError ? error.message : 'the TAXII server does not answer');
  }
  if (answer.status !== 200 && answer.status !== 202)
    throw new IntelError(`the TAXII server answers ${answer.status}`);
  return answer;
}

function parseEnvelope(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {}
  throw new IntelError('the TAXII server answers with no envelope');
}

/**
 * Objects that came after `addedAfter` (empty: all). A caller that stops in between goes on from the last page's `addedAfter`. Throws
 * IntelError.
 */
export async function* pollObjects(server: TaxiiServerConfig, addedAfter: string): AsyncGenerator<TaxiiPage> {
  let after = addedAfter;
  let next = '';
  for (let page = 0; page < MAX_PAGES; page++) {
    const query = new URLSearchParams({ limit: String(PAGE), 'match[type]': 'indicator' });
    if (after !== '') query.set('added_after', after);
    if (next !== '') query.set('next', next);
    const { headers, body } = await call(server, `?${query}`);
    const envelope = parseEnvelope(body);
    const { objects, more } = envelope;
    const last = String(headers['x-taxii-date-added-last'] ?? '');
    const until = isTime(last) ? last : after;
    yield { objects: Array.isArray(objects) ? objects : [], addedAfter: until };
    if (more !== true) return;
    const token = envelope['next'];
    // The specification: by `next` with the same query, or without it by the time of the last object.
    if (typeof token === 'string' && token !== '' && token.length <= 4096) next = token;
    else if (until !== after) {
      after = until;
      next = '';
    } else throw new IntelError('the TAXII server says that there is more and not where');
  }
}

/** Adds objects to the collection. Throws IntelError; it may have taken them then, too: ids tell. */
export async function addObjects(server: TaxiiServerConfig, objects: readonly object[]): Promise<void> {
  const { body } = await call(server, '', JSON.stringify({ objects }));
  const status = parseEnvelope(body);
  const failed = status['failure_count'];
  if (typeof failed === 'number' && failed > 0)
    throw new IntelError(`the TAXII server did not take ${failed} of ${objects.length} objects`);
}
