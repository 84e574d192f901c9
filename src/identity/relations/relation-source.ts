// Asking the service that owns objects whose they are: one declared call, a GET with the object's id in its path, from the
// main thread. Redirects are not followed, answers are small, and questions at once are bounded.
import { readFile } from 'node:fs/promises';

export interface RelationSourceConfig {
  /** With `{id}` where the id goes, percent-encoded. */
  readonly url: string;
  /** Member of the JSON answer with the owners' ids, one or a list; empty: the answer itself. */
  readonly member: readonly string[];
  readonly timeoutMs: number;
  /** File with a token that is sent along; empty for none. */
  readonly bearerFile: string;
}

export type OwnersAnswer =
  | { readonly kind: 'found'; readonly owners: readonly string[] }
  | { readonly kind: 'unavailable' };

const MAX_ANSWER_BYTES = 65_536;
const MAX_OWNERS = 1000;
const MAX_IN_FLIGHT = 256;

const unavailable: OwnersAnswer = { kind: 'unavailable' };

export class RelationSource {
  readonly #config: RelationSourceConfig;
  readonly #asking = new Map<string, Promise<OwnersAnswer>>();

  constructor(config: RelationSourceConfig) {
    this.#config = config;
  }

  /** Never rejects. An object that the service does not know has no owner. */
  owners(object: string): Promise<OwnersAnswer> {
    const running = this.#asking.get(object);
    if (running !== undefined) return running;
    if (this.#asking.size >= MAX_IN_FLIGHT) return Promise.resolve(unavailable);
    const asked = this.#ask(object)
      .catch(() => unavailable)
      .finally(() => this.#asking.delete(object));
    this.#asking.set(object, asked);
    return asked;
  }

  async #ask(object: string): Promise<OwnersAnswer> {
    const { url, member, timeoutMs, bearerFile } = this.#config;
    // A path segment of dots would be another path.
    if (/^\.{0,2}$/.test(object)) return { kind: 'found', owners: [] };
    const token = bearerFile === '' ? '' : (await readFile(bearerFile, 'utf8')).trim();
    const response = await fetch(url.replaceAll('{id}', encodeURIComponent(object)), {
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
      headers: { accept: 'application/json', ...(token === '' ? {} : { authorization: `Bearer ${token}` }) },
    });
    if (response.status === 404 || response.status === 410) {
      await response.body?.cancel();
      return { kind: 'found', owners: [] };
    }
    if (response.status !== 200 || response.body === null) {
      await response.body?.cancel();
      return unavailable;
    }
    const owners = ownersIn(JSON.parse(await readText(response.body)), member);
    return owners === null ? unavailable : { kind: 'found', owners };
  }
}

async function readText(body: ReadableStream<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw new RangeError('the answer is too large');
    chunks.push(chunk);
  }
  return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
}

/** The owners' ids; null for an answer that is not what was declared. */
function ownersIn(json: unknown, member: readonly string[]): readonly string[] | null {
  let value = json;
  for (const name of member) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return null;
    value = (value as Readonly<Record<string, unknown>>)[name];
  }
  const list = Array.isArray(value) ? value : [value];
  const isId = (entry: unknown): boolean => typeof entry === 'string' || Number.isSafeInteger(entry);
  return list.length <= MAX_OWNERS && list.every(isId) ? list.map(String) : null;
}
