// All feeds together: they are read in their time, the table is built of them, and records are held against it.
import { type Clock, systemClock } from '../core/index.ts';
import { type IntelConfig, IntelError, type ThreatMatch } from './contract.ts';
import { Feed } from './feed.ts';
import { IndicatorTable, type Observed } from './indicator-table.ts';
import { Sightings } from './sightings.ts';

export interface IntelParts {
  readonly config: IntelConfig;
  readonly clock?: Clock;
  /** What is known has changed. */
  readonly onRead?: () => void;
  /** A feed, or sightings, can not be had, or can again (null). */
  readonly onProblem: (what: string, problem: string | null) => void;
}

export class Intel {
  readonly feeds: readonly Feed[];
  readonly sightings: Sightings | null;
  readonly #parts: IntelParts;
  readonly #clock: Clock;
  readonly #problems = new Set<string>();
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #matches = new Map<string, number>();
  #table = new IndicatorTable();
  #building: Promise<void> = Promise.resolve();
  #work: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(parts: IntelParts) {
    const { config, clock = systemClock } = parts;
    this.#parts = parts;
    this.#clock = clock;
    this.feeds = config.feeds.map((feed) => new Feed(feed, config.folder, config.maxIndicators, clock));
    this.sightings =
      config.sightings === null
        ? null
        : new Sightings({
            config: config.sightings,
            folder: config.folder,
            isStix: (name) => config.feeds.some((feed) => feed.name === name && feed.source.kind === 'taxii'),
            nowMs: () => clock.epochMs(),
          });
  }

  /** Values that are looked for, and values for which there was no room. */
  get table(): Pick<IndicatorTable, 'size' | 'dropped'> {
    return this.#table;
  }

  /** Takes what is on disk, then begins to read the sources: a gate starts without them. */
  async start(): Promise<void> {
    await this.load();
    for (const feed of this.feeds) {
      const ageMs = this.#clock.epochMs() - feed.counts.readMs;
      this.#every(feed.config.everyMs, () => this.#read(feed));
      if (ageMs >= feed.config.everyMs) this.#do(() => this.#read(feed));
    }
    const { sightings } = this;
    if (sightings !== null)
      this.#every(this.#parts.config.sightings!.everyMs, () =>
        this.#try('sightings', () => sightings.send()),
      );
  }

  /** Takes what was fetched before. */
  async load(): Promise<void> {
    for (const feed of this.feeds) await feed.load();
    await this.#rebuild();
  }

  #every(ms: number, work: () => Promise<void>): void {
    const timer = setInterval(() => this.#do(work), ms);
    timer.unref();
    this.#timers.push(timer);
  }

  /** One after the other: feeds do not compete for memory. */
  #do(work: () => Promise<void>): void {
    this.#work = this.#work.then(() => (this.#isClosed ? undefined : work()));
  }

  async #read(feed: Feed): Promise<void> {
    await this.#try(feed.config.name, async () => {
      if (await feed.read()) await this.#rebuild();
    });
  }

  async #try(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
      if (this.#problems.delete(what)) this.#parts.onProblem(what, null);
    } catch (error) {
      if (this.#problems.has(what)) return;
      this.#problems.add(what);
      this.#parts.onProblem(what, error instanceof IntelError ? error.message : String(error));
    }
  }

  #rebuild(): Promise<void> {
    this.#building = this.#building.then(async () => {
      this.#table = await IndicatorTable.build(this.#all(), this.#parts.config.maxIndicators);
      this.#parts.onRead?.();
    });
    return this.#building;
  }

  *#all() {
    for (const feed of this.feeds) yield* feed.indicators();
  }

  match(observed: Observed): ThreatMatch[] {
    return this.#table.match(observed, this.#clock.epochMs());
  }

  /** Counts matches of one record, and remembers them for sightings. */
  note(matches: readonly ThreatMatch[], timeMs: number): void {
    for (const match of matches) {
      this.#matches.set(match.feed, (this.#matches.get(match.feed) ?? 0) + 1);
      this.sightings?.note(match, timeMs);
    }
  }

  matchesOf(feed: string): number {
    return this.#matches.get(feed) ?? 0;
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#isClosed = true;
    await this.#work;
    const { sightings } = this;
    if (sightings !== null) await this.#try('sightings', () => sightings.send());
  }
}
