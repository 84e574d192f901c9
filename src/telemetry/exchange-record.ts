// What a line of the access log says, typed: the one shape in which everything behind the data plane (export, traces,
// discovery, detection) sees finished exchanges. Members carry the names of the log's fields, so that one table documents both.

/** One inspection rule that matched. */
export interface RecordedMatch {
  readonly rule: number;
  readonly message?: string;
  /** 0 (emergency) to 7 (debug). */
  readonly severity?: number;
  readonly variables: readonly { readonly name: string; readonly value?: string }[];
}

/** When one guard ran, µs after the exchange began, and what it said. */
export interface RecordedGuard {
  readonly guard: string;
  readonly hook: 'request' | 'body' | 'answer' | 'answer-body';
  readonly start_us: number;
  readonly duration_us: number;
  readonly verdict: 'passed' | 'refused' | 'answered' | 'threw';
}

/** What threat intelligence knows of what a record shows. */
export interface RecordedThreat {
  readonly feed: string;
  /** STIX id. */
  readonly indicator: string;
  readonly name: string;
  readonly kind: string;
  readonly value: string;
  /** 0 to 100. */
  readonly confidence: number;
}

/** A finished exchange. Durations are whole microseconds since its first byte; see docs/observability.md for each field. */
export interface ExchangeRecord {
  /** RFC 3339 in UTC with milliseconds. */
  readonly time: string;
  /** 32 random digits, stable over every way that a record takes. */
  readonly id: string;
  readonly listener: string;
  readonly client_address: string;
  readonly peer_address?: string;
  /** ISO 3166-1 alpha-2, where a database of places knows it. */
  readonly country?: string;
  /** Number of the autonomous system. */
  readonly asn?: number;
  readonly trace_id?: string;
  readonly span_id?: string;
  /** Span of the client's `traceparent`. */
  readonly parent_span_id?: string;
  /** The client asked for the trace to be kept. */
  readonly trace_sampled?: true;
  readonly method?: string;
  readonly host?: string;
  readonly path?: string;
  readonly query?: string;
  readonly protocol?: string;
  readonly api?: string;
  readonly operation?: string;
  readonly consumer?: string;
  readonly method_of_authentication?: string;
  readonly credential?: string;
  readonly risk?: number;
  /** What made it so: `address`, `token-age`, `credential-age`, `new-device`, `travel`, `refusals`. */
  readonly risk_signs?: readonly string[];
  /** The way that the caller can not have come. */
  readonly journey?: { readonly from: string; readonly km: number; readonly seconds: number };
  readonly policy?: string;
  readonly decision: 'allowed' | 'refused' | 'failed' | 'answered';
  readonly guard?: string;
  readonly code?: string;
  readonly reason?: string;
  readonly status: number;
  readonly grpc_status?: number;
  readonly request_bytes: number;
  readonly response_bytes: number;
  readonly duration_us: number;
  readonly judged_us?: number;
  readonly upstream_first_byte_us?: number;
  readonly upstream_address?: string;
  readonly upstream_attempts?: number;
  readonly user_agent?: string;
  readonly guards?: readonly RecordedGuard[];
  readonly rules?: readonly number[];
  readonly score?: number;
  readonly response_score?: number;
  readonly would_refuse?: string;
  readonly matches?: readonly RecordedMatch[];
  /** In exported records alone. */
  readonly threats?: readonly RecordedThreat[];
}

/**
 * The record of one line that the gate wrote itself, null for what is none (a torn line after a crash). Lines are not
 * untrusted input: what stands in them was escaped by their writer, so that only their form is looked at.
 */
export function parseRecord(line: string): ExchangeRecord | null {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null) return null;
    const { id, time, status } = value as Partial<ExchangeRecord>;
    if (typeof id !== 'string' || typeof time !== 'string' || typeof status !== 'number') return null;
    return value as ExchangeRecord;
  } catch {
    return null;
  }
}

/** Whole lines of one look into a ring. Decoding is done when the first subscriber asks for it, and once for all. */
export class RecordBatch {
  /** Lines with their line feeds, ASCII. */
  readonly lines: Buffer;
  /** How many lines there are. */
  readonly count: number;
  #records: readonly ExchangeRecord[] | null = null;

  constructor(lines: Buffer) {
    this.lines = lines;
    let count = 0;
    for (let at = lines.indexOf(10); at !== -1; at = lines.indexOf(10, at + 1)) count++;
    this.count = count;
  }

  get records(): readonly ExchangeRecord[] {
    if (this.#records === null) {
      const records: ExchangeRecord[] = [];
      for (const line of this.lines.toString('latin1').split('\n')) {
        const record = line === '' ? null : parseRecord(line);
        if (record !== null) records.push(record);
      }
      this.#records = records;
    }
    return this.#records;
  }
}
