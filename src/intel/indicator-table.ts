// What is looked up for every record: addresses by the lengths of prefixes that occur, names, URLs and User-Agents by themselves. A table is built
// beside the one in use and takes its place; an indicator whose time is over is found and left out.
import { setImmediate as breathe } from 'node:timers/promises';
import { parseAddress, parseCidr } from '../net/index.ts';
import type { Indicator, IndicatorKind, ThreatMatch } from './contract.ts';

/** Indicators that are put in before others have their turn. */
const BUILD_STEP = 2000;
/** Addresses whose indicators are remembered. */
const MAX_REMEMBERED = 20_000;
/** Matches of one record. */
const MAX_MATCHES = 8;

/** What a record shows, by kind; empty for what it does not have. */
export interface Observed {
  readonly address: string;
  readonly host: string;
  readonly url: string;
  readonly userAgent: string;
}

type ByText = Map<string, Indicator[]>;

const none: readonly Indicator[] = [];

export class IndicatorTable {
  /** By length of prefix: blocks by their first address. */
  readonly #blocks = new Map<number, Map<bigint, Indicator[]>>();
  readonly #texts: Readonly<Record<Exclude<IndicatorKind, 'address'>, ByText>> = {
    domain: new Map(),
    url: new Map(),
    'user-agent': new Map(),
  };
  readonly #remembered = new Map<string, readonly Indicator[]>();
  /** Values in the table. */
  size = 0;
  /** Values that it had no room for. */
  dropped = 0;

  /** Never holds up the thread for long. `max`: values. */
  static async build(indicators: Iterable<Indicator>, max: number): Promise<IndicatorTable> {
    const table = new IndicatorTable();
    let count = 0;
    for (const indicator of indicators) {
      table.#add(indicator, max);
      if (++count % BUILD_STEP === 0) await breathe();
    }
    return table;
  }

  #add(indicator: Indicator, max: number): void {
    for (const { kind, value } of indicator.values) {
      if (this.size >= max) {
        this.dropped++;
        continue;
      }
      this.size++;
      if (kind === 'address') this.#addBlock(value, indicator);
      else put(this.#texts[kind], kind === 'url' ? urlKey(value) : value, indicator);
    }
  }

  #addBlock(value: string, indicator: Indicator): void {
    const range = parseCidr(value);
    if (range === null) return;
    const length = 128 - ((range.last - range.first + 1n).toString(2).length - 1);
    let blocks = this.#blocks.get(length);
    if (blocks === undefined) this.#blocks.set(length, (blocks = new Map()));
    put(blocks, range.first, indicator);
  }

  /** What is known of it; empty, and nearly free, for nearly everything. */
  match({ address, host, url, userAgent }: Observed, nowMs: number): ThreatMatch[] {
    const matches: ThreatMatch[] = [];
    const add = (found: readonly Indicator[] | undefined, kind: IndicatorKind, value: string): void => {
      for (const { feed, id, name, confidence, untilMs } of found ?? none)
        if ((untilMs === null || untilMs > nowMs) && matches.length < MAX_MATCHES)
          matches.push({ feed, indicator: id, name, kind, value, confidence });
    };
    add(this.#ofAddress(address), 'address', address);
    const { domain, url: urls, 'user-agent': agents } = this.#texts;
    if (domain.size > 0) add(domain.get(host.toLowerCase()), 'domain', host);
    if (urls.size > 0 && url !== '') add(urls.get(urlKey(url)), 'url', url);
    if (agents.size > 0) add(agents.get(userAgent), 'user-agent', userAgent);
    return matches;
  }

  #ofAddress(address: string): readonly Indicator[] {
    if (this.#blocks.size === 0) return none;
    const remembered = this.#remembered.get(address);
    if (remembered !== undefined) return remembered;
    const parsed = parseAddress(address);
    if (parsed === null) return none;
    const value = (parsed.high << 64n) | parsed.low;
    const found: Indicator[] = [];
    for (const [length, blocks] of this.#blocks) {
      const rest = BigInt(128 - length);
      found.push(...(blocks.get((value >> rest) << rest) ?? none));
    }
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(address, found.length === 0 ? none : found);
    return found;
  }
}

function put<K>(map: Map<K, Indicator[]>, key: K, indicator: Indicator): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [indicator]);
  else list.push(indicator);
}

/** URLs are the same without their scheme, port and fragment; whether a query counts the indicator's author has said by writing one. */
function urlKey(url: string): string {
  try {
    const { hostname, pathname, search } = new URL(url);
    return `${hostname}${pathname}${search}`;
  } catch {
    return url;
  }
}
