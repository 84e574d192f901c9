// Refused requests on their way into the trail. Somebody who is refused all the time must not fill the disk with it: the first
// refusals of a kind in a minute are entries of their own, the rest of the minute is one entry that says how many there were.
import type { AuditEvent } from './contract.ts';

/** What the access log says of one exchange, as far as the trail needs it. */
export interface RefusedRecord {
  readonly time: string;
  readonly id: string;
  readonly client_address: string;
  readonly trace_id?: string;
  readonly method?: string;
  readonly path?: string;
  readonly api?: string;
  readonly operation?: string;
  readonly consumer?: string;
  readonly credential?: string;
  readonly policy?: string;
  readonly guard?: string;
  readonly code?: string;
  readonly reason?: string;
  readonly rules?: readonly number[];
  readonly status: number;
}

/** Refusals of one caller, code and operation in a minute that are entries of their own. */
const SINGLE = 20;
const WINDOW_MS = 60_000;
/** Kinds that are counted apart; more in one minute are counted together. */
const MAX_KINDS = 10_000;

interface Kind {
  readonly first: RefusedRecord;
  count: number;
}

export class RefusalLog {
  readonly #note: (event: AuditEvent) => void;
  #kinds = new Map<string, Kind>();
  #sinceMs = 0;

  constructor(note: (event: AuditEvent) => void) {
    this.#note = note;
  }

  /** Takes one refused exchange; `nowMs` is the wall clock. */
  take(record: RefusedRecord, nowMs: number): void {
    if (nowMs - this.#sinceMs >= WINDOW_MS) this.flush(nowMs);
    const key = `${record.consumer ?? record.client_address}\n${record.code}\n${record.api}\n${record.operation}`;
    let kind = this.#kinds.get(key);
    if (kind === undefined) {
      const isFull = this.#kinds.size >= MAX_KINDS;
      const bounded = isFull ? '' : key;
      kind = this.#kinds.get(bounded) ?? { first: record, count: isFull ? SINGLE : 0 };
      this.#kinds.set(bounded, kind);
    }
    kind.count++;
    if (kind.count <= SINGLE) this.#note(eventOf(record));
  }

  /** Tells what was counted, and begins a new minute. */
  flush(nowMs: number): void {
    for (const [key, { first, count }] of this.#kinds) {
      if (count <= SINGLE) continue;
      const event = eventOf(first);
      this.#note({
        ...event,
        action: 'request.refuse-more',
        ...(key === '' ? { actor: { kind: 'address', id: 'many' }, target: null } : {}),
        details: { count: count - SINGLE, code: key === '' ? 'various' : first.code, sinceMs: this.#sinceMs },
        atMs: nowMs,
      });
    }
    this.#kinds = new Map();
    this.#sinceMs = nowMs;
  }
}

function eventOf(record: RefusedRecord): AuditEvent {
  const { consumer, client_address, api, operation } = record;
  return {
    action: 'request.refuse',
    outcome: 'refused',
    actor:
      consumer === undefined ? { kind: 'address', id: client_address } : { kind: 'consumer', id: consumer },
    target: operation === undefined ? null : { kind: 'operation', id: `${api}/${operation}` },
    address: client_address,
    reason: record.reason ?? '',
    requestId: record.id,
    ...(record.trace_id === undefined ? {} : { traceId: record.trace_id }),
    subject: consumer ?? client_address,
    details: {
      guard: record.guard,
      code: record.code,
      status: record.status,
      method: record.method,
      path: record.path,
      credential: record.credential,
      policy: record.policy,
      rules: record.rules,
    },
    atMs: Date.parse(record.time),
  };
}
