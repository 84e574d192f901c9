// Watches finished exchanges for credentials that are shared: one that speaks for several callers, or comes from several addresses.
// A sample is enough, since who shares a credential goes on using it; it costs the main thread a bounded share of its time.
import type { ServiceStore, SightingRecord } from '../identity/index.ts';
import { parseRecord, type RecordBatch, type RecordSubscriber } from '../telemetry/index.ts';

/** Records that are read in one second. */
const READ_PER_SECOND = 200;
/** Sightings between two writes; more are seen the next time. */
const MAX_SIGHTINGS = 5000;
const MAX_PENDING_BYTES = 4_194_304;
/** The same sighting is written again after this time, ms: its last moment does not have to be exact. */
const REWRITE_MS = 600_000;

const kinds: Readonly<Record<string, SightingRecord['kind']>> = { mtls: 'certificate', 'api-key': 'api-key' };

export class SharedWatch implements RecordSubscriber {
  readonly name = 'shared-credentials';
  readonly maxPendingBytes = MAX_PENDING_BYTES;
  readonly whenFull = 'drop';
  readonly #nowMs: () => number;
  readonly #waiting = new Map<string, SightingRecord>();
  /** When each was last handed out to be written. */
  #written = new Map<string, number>();
  #second = 0;
  #read = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  take({ lines }: RecordBatch): void {
    const second = Math.floor(this.#nowMs() / 1000);
    if (second !== this.#second) [this.#second, this.#read] = [second, 0];
    for (let from = 0; this.#read < READ_PER_SECOND; ) {
      const end = lines.indexOf(10, from);
      if (end === -1) return;
      this.#read++;
      this.#see(lines.toString('latin1', from, end));
      from = end + 1;
    }
  }

  #see(line: string): void {
    const record = parseRecord(line);
    const kind = kinds[record?.method_of_authentication ?? ''];
    if (record === null || kind === undefined) return;
    const { credential = '', consumer = '', client_address: address } = record;
    if (credential === '' || consumer === '') return;
    const name = JSON.stringify([kind, credential, consumer, address]);
    const nowMs = this.#nowMs();
    if (this.#waiting.has(name) || nowMs - (this.#written.get(name) ?? 0) < REWRITE_MS) return;
    if (this.#waiting.size < MAX_SIGHTINGS)
      this.#waiting.set(name, { kind, credential, caller: consumer, address, firstMs: nowMs, lastMs: nowMs });
  }

  /** Writes down what was seen; what can not be written is seen again. */
  async flush(store: ServiceStore): Promise<void> {
    if (this.#waiting.size === 0) return;
    const sightings = [...this.#waiting];
    this.#waiting.clear();
    await store.noteSightings(sightings.map(([, sighting]) => sighting));
    const nowMs = this.#nowMs();
    // INVARIANT: names come from clients' credentials that were good, and the map is emptied before it grows.
    if (this.#written.size > 4 * MAX_SIGHTINGS) this.#written = new Map();
    for (const [name] of sightings) this.#written.set(name, nowMs);
  }
}
