// Sightings: what was seen of an indicator in a while is one, with its first and last time and how often. They wait on disk until their receiver
// has them, and say nothing of who was there beyond the indicator's own value.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Indicator, IntelError, type SightingsConfig, type ThreatMatch } from './contract.ts';
import { type Sighting, sightingObjects } from './stix.ts';
import { addObjects } from './taxii.ts';

/** Sightings that may wait; more are counted. */
const MAX_WAITING = 10_000;
/** Sightings that are sent together. */
const BATCH = 200;

export interface SightingParts {
  readonly config: SightingsConfig;
  /** Folder of what waits. */
  readonly folder: string;
  /** Whether the receiver has the indicators of a feed: those of a TAXII collection it can look up. */
  readonly isStix: (feed: string) => boolean;
  readonly nowMs: () => number;
}

export class Sightings {
  readonly #parts: SightingParts;
  readonly #file: string;
  /** By indicator: what was seen since the last round. */
  #seen = new Map<string, Sighting>();
  #waiting: Sighting[] = [];
  sent = 0;
  lost = 0;

  constructor(parts: SightingParts) {
    this.#parts = parts;
    this.#file = join(parts.folder, 'sightings.json');
    if (!existsSync(this.#file)) return;
    try {
      this.#waiting = JSON.parse(readFileSync(this.#file, 'utf8')) as Sighting[];
    } catch {
      this.lost++;
    }
  }

  get waiting(): number {
    return this.#waiting.length + this.#seen.size;
  }

  note(match: ThreatMatch, timeMs: number): void {
    const before = this.#seen.get(match.indicator);
    if (before === undefined && this.#seen.size + this.#waiting.length >= MAX_WAITING) {
      this.lost++;
      return;
    }
    const indicator: Pick<Indicator, 'id' | 'feed' | 'name' | 'confidence'> = {
      id: match.indicator,
      feed: match.feed,
      name: match.name,
      confidence: match.confidence,
    };
    this.#seen.set(match.indicator, {
      indicator,
      value: this.#parts.isStix(match.feed) ? null : { kind: match.kind, value: match.value },
      firstMs: Math.min(before?.firstMs ?? timeMs, timeMs),
      lastMs: Math.max(before?.lastMs ?? timeMs, timeMs),
      count: (before?.count ?? 0) + 1,
    });
  }

  /** Sends what was seen. Rejects with IntelError; what was not sent waits, on disk. */
  async send(): Promise<void> {
    this.#waiting.push(...this.#seen.values());
    this.#seen = new Map();
    if (this.#waiting.length === 0) return;
    this.#keep();
    const { config, nowMs } = this.#parts;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, BATCH);
      const objects = sightingObjects(batch, config.identity, nowMs());
      if (config.to.kind === 'taxii') await addObjects(config.to.server, objects);
      else await appendLines(config.to.path, objects);
      this.#waiting = this.#waiting.slice(batch.length);
      this.sent += batch.length;
      this.#keep();
    }
  }

  #keep(): void {
    mkdirSync(dirname(this.#file), { recursive: true, mode: 0o750 });
    writeFileSync(`${this.#file}.new`, JSON.stringify(this.#waiting), { mode: 0o640 });
    renameSync(`${this.#file}.new`, this.#file);
  }
}

/** A STIX object a line. */
async function appendLines(path: string, objects: readonly object[]): Promise<void> {
  try {
    await appendFile(path, objects.map((object) => `${JSON.stringify(object)}\n`).join(''), { mode: 0o640 });
  } catch (error) {
    throw new IntelError(`${path} can not be written (${(error as NodeJS.ErrnoException).code})`);
  }
}
