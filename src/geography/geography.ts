// Where addresses are. Databases are asked once for an address and remembered for a while, so that a request of a caller
// who is here already costs one look into a map. HOT
import { type Place, unknownPlace } from '../exchange/index.ts';
import type { DatabaseMemory } from './contract.ts';
import { Database } from './database.ts';
import { placeOf } from './place-record.ts';

/** Addresses of one half of the memory; an attacker with more addresses makes the gate look each up, a microsecond. */
const MAX_REMEMBERED = 8192;

export class Geography {
  readonly #databases: readonly Database[];
  /** What was asked for lately, in two halves: when the younger is full, the older goes. */
  #young = new Map<string, Place>();
  #old = new Map<string, Place>();
  /** Places with the same content are one object. */
  readonly #known = new Map<string, Place>();

  /** Throws DatabaseError. */
  constructor(databases: readonly DatabaseMemory[]) {
    this.#databases = databases.map(({ buffer }) => new Database(Buffer.from(buffer)));
  }

  /** `address` in canonical form; `unknownPlace` where no database has it. */
  placeOf(address: string): Place {
    let place = this.#young.get(address);
    if (place !== undefined) return place;
    place = this.#old.get(address) ?? this.#find(address);
    if (this.#young.size >= MAX_REMEMBERED) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(address, place);
    return place;
  }

  #find(address: string): Place {
    const place = placeOf(this.#databases.map((database) => database.recordOf(address)));
    if (place === unknownPlace) return place;
    const { country, asn, organization, latitude, longitude, radiusKm } = place;
    const key = `${country} ${asn} ${latitude} ${longitude} ${radiusKm} ${organization}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#known.size < MAX_REMEMBERED) this.#known.set(key, place);
    return place;
  }
}
