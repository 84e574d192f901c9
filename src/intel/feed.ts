// One feed: what is known of it, on disk and in memory, and how it is read anew. What was read last stays in use while its source is away;
// a source that sends nonsense changes nothing.
import { readFileSync } from 'node:fs';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { type Clock, systemClock } from '../core/index.ts';
import { FetchError, guardedFetch } from '../net/index.ts';
import { type FeedConfig, type FeedSource, type Indicator, IntelError } from './contract.ts';
import { checkProof, plainIndicators, readPlainFeed } from './plain-feed.ts';
import { readStixObject } from './stix.ts';
import { pollObjects } from './taxii.ts';

const TIMEOUT_MS = 60_000;
const MAX_FEED_BYTES = 64 << 20;
const MAX_SIDECAR_BYTES = 65_536;
/** Lines of a file that are written or read before others have their turn. */
const STEP = 2000;

export interface FeedCounts {
  /** When it was read without error, ms since the epoch; 0 for never. */
  readMs: number;
  failures: number;
  /** Objects or lines of the last reading that say nothing that requests show, and that are not well-formed. */
  foreign: number;
  broken: number;
  /** Indicators beyond the bound. */
  dropped: number;
}

interface State {
  readonly addedAfter: string;
  readonly readMs: number;
}

export class Feed {
  readonly config: FeedConfig;
  readonly counts: FeedCounts = { readMs: 0, failures: 0, foreign: 0, broken: 0, dropped: 0 };
  readonly #file: string;
  readonly #max: number;
  readonly #clock: Clock;
  #indicators = new Map<string, Indicator>();
  #addedAfter = '';

  constructor(config: FeedConfig, folder: string, max: number, clock: Clock = systemClock) {
    this.config = config;
    this.#file = join(folder, `${config.name}.jsonl`);
    this.#max = max;
    this.#clock = clock;
  }

  /** Indicators that are good enough to be used. */
  *indicators(): Generator<Indicator> {
    const { minConfidence } = this.config;
    for (const indicator of this.#indicators.values())
      if (indicator.confidence >= minConfidence) yield indicator;
  }

  get size(): number {
    return this.#indicators.size;
  }

  /** What was read before, from the disk; nothing where that can not be read. */
  async load(): Promise<void> {
    const text = await readFile(this.#file, 'utf8').catch(() => '');
    const [head, ...lines] = text.split('\n');
    try {
      const state = JSON.parse(head ?? '') as State;
      let count = 0;
      for (const line of lines) {
        if (line === '') continue;
        const indicator = JSON.parse(line) as Indicator;
        if (this.#indicators.size < this.#max) this.#indicators.set(indicator.id, indicator);
        if (++count % STEP === 0) await breathe();
      }
      this.#addedAfter = state.addedAfter;
      this.counts.readMs = state.readMs;
    } catch {
      // A file that a crash has cut is fetched anew, whole.
      this.#indicators.clear();
      this.#addedAfter = '';
    }
  }

  /** Reads the source; answers whether anything changed. Rejects with IntelError, and then nothing has. */
  async read(): Promise<boolean> {
    try {
      const { source } = this.config;
      const changed = source.kind === 'taxii' ? await this.#readTaxii(source) : await this.#readPlain(source);
      this.counts.readMs = this.#clock.epochMs();
      await this.#save();
      return changed;
    } catch (error) {
      this.counts.failures++;
      throw error;
    }
  }

  async #readTaxii({ server }: Extract<FeedSource, { kind: 'taxii' }>): Promise<boolean> {
    const next = new Map(this.#indicators);
    let addedAfter = this.#addedAfter;
    let changed = false;
    const counts = { foreign: 0, broken: 0, dropped: 0 };
    for await (const page of pollObjects(server, addedAfter)) {
      for (const object of page.objects) {
        const reading = readStixObject(object, {
          feed: this.config.name,
          confidence: this.config.confidence,
        });
        if (reading.kind === 'foreign' || reading.kind === 'broken') counts[reading.kind]++;
        if (reading.kind !== 'indicator' && reading.kind !== 'gone') continue;
        const { id, modified } = reading.kind === 'gone' ? reading : reading.indicator;
        // Pages may hold several versions of one object, in any order.
        const before = next.get(id);
        if (before !== undefined && before.modified > modified) continue;
        if (reading.kind === 'gone') changed = next.delete(id) || changed;
        else if (before !== undefined || next.size < this.#max) {
          next.set(id, reading.indicator);
          changed = true;
        } else counts.dropped++;
      }
      addedAfter = page.addedAfter;
      await breathe();
    }
    const nowMs = this.#clock.epochMs();
    for (const { id, untilMs } of next.values())
      if (untilMs !== null && untilMs <= nowMs) changed = next.delete(id) || changed;
    Object.assign(this.counts, counts);
    this.#indicators = next;
    this.#addedAfter = addedAfter;
    return changed;
  }

  async #readPlain(source: Extract<FeedSource, { kind: 'plain' }>): Promise<boolean> {
    const { from, ca, proof } = source;
    const text = await fetchText(from, ca, MAX_FEED_BYTES);
    const sidecar = 'url' in proof ? await fetchText(proof.url, ca, MAX_SIDECAR_BYTES) : '';
    checkProof(Buffer.from(text), proof, sidecar);
    const { values, unknown } = readPlainFeed(text, source, this.#max + 1);
    if (values.length === 0) throw new IntelError('the feed is empty: what it said before stays in use');
    const { name, confidence, keepMs } = this.config;
    const untilMs = keepMs === 0 ? null : this.#clock.epochMs() + keepMs;
    const list = plainIndicators(values.slice(0, this.#max), { feed: name, confidence, untilMs });
    Object.assign(this.counts, {
      foreign: 0,
      broken: unknown,
      dropped: Math.max(0, values.length - this.#max),
    });
    this.#indicators = new Map(list.map((indicator) => [indicator.id, indicator]));
    return true;
  }

  async #save(): Promise<void> {
    await mkdir(dirname(this.#file), { recursive: true, mode: 0o750 });
    // A command may read the same feed beside a running gate.
    const beside = `${this.#file}.${process.pid}.new`;
    const handle = await open(beside, 'w', 0o640);
    try {
      const state: State = { addedAfter: this.#addedAfter, readMs: this.counts.readMs };
      let lines = [JSON.stringify(state)];
      for (const indicator of this.#indicators.values()) {
        lines.push(JSON.stringify(indicator));
        if (lines.length < STEP) continue;
        await handle.appendFile(`${lines.join('\n')}\n`);
        lines = [];
      }
      await handle.appendFile(`${lines.join('\n')}\n`);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await rename(beside, this.#file);
  }
}

/** Text at a URL, or of a file. Throws IntelError. */
async function fetchText(from: string, ca: string, maxBytes: number): Promise<string> {
  if (!/^https?:\/\//.test(from)) {
    try {
      const bytes = readFileSync(from);
      if (bytes.length <= maxBytes) return bytes.toString('utf8');
    } catch (error) {
      throw new IntelError(`${from} can not be read (${(error as NodeJS.ErrnoException).code})`);
    }
    throw new IntelError(`${from} is larger than ${maxBytes} bytes`);
  }
  try {
    const { status, body } = await guardedFetch({
      url: from,
      ca,
      reach: 'anywhere',
      timeoutMs: TIMEOUT_MS,
      maxBytes,
    });
    if (status !== 200) throw new IntelError(`${new URL(from).host} answers ${status}`);
    return body;
  } catch (error) {
    if (error instanceof FetchError) throw new IntelError(error.message);
    throw error;
  }
}
