// Where a caller's address is, as a database of networks tells. What the database does not know stays unknown: nobody guesses.

/** One place; the same object for all addresses that a database says the same of. */
export interface Place {
  /** ISO 3166-1 alpha-2 in upper case; empty when it is not known. */
  readonly country: string;
  /** Number of the autonomous system that announces the address; 0 when it is not known. */
  readonly asn: number;
  /** Who runs the autonomous system; empty when it is not known. */
  readonly organization: string;
  /** Degrees north and east, NaN when they are not known; of the country's middle where the database has no better. */
  readonly latitude: number;
  readonly longitude: number;
  /** How far from there the address may be, km. */
  readonly radiusKm: number;
}

/** An address that no database knows. */
export const unknownPlace: Place = Object.freeze({
  country: '',
  asn: 0,
  organization: '',
  latitude: Number.NaN,
  longitude: Number.NaN,
  radiusKm: 0,
});

/** A way that nobody goes so fast. */
export interface Journey {
  /** Country that the caller was in, ISO 3166-1; empty when it is not known. */
  readonly from: string;
  /** Least distance that the databases leave possible, km. */
  readonly km: number;
  readonly seconds: number;
}

/** What can make a request suspicious. */
export type RiskSign = 'address' | 'token-age' | 'credential-age' | 'new-device' | 'travel' | 'refusals';
