// Uses of credentials on their way into the trail. Each request would be an entry too many: the first use of a credential in a while is an
// entry, and at its end the rest of them is another, with how many there were and from how many addresses.
import type { AuditEvent } from './contract.ts';

/** What the access log says of one exchange, as far as uses of credentials go. */
export interface UsedRecord {
  readonly time: string;
  readonly id: string;
  readonly client_address: string;
  readonly trace_id?: string;
  readonly consumer?: string;
  readonly credential?: string;
  readonly method_of_authentication?: string;
}

/** Credentials that are told apart in one while; more are counted together. */
const MAX_KINDS = 10_000;
/** Addresses of one credential that are told apart. */
const MAX_ADDRESSES = 1000;

interface Use {
  readonly first: UsedRecord;
  count: number;
  readonly addresses: Set<string>;
  lastTime: string;
}

export class CredentialUseLog {
  readonly #note: (event: AuditEvent) => void;
  readonly #windowMs: number;
  #uses = new Map<string, Use>();
  #sinceMs = 0;

  constructor(note: (event: AuditEvent) => void, windowMs: number) {
    this.#note = note;
    this.#windowMs = windowMs;
  }

  /** Takes one exchange; `nowMs` is the wall clock. */
  take(record: UsedRecord, nowMs: number): void {
    const { consumer, method_of_authentication: method } = record;
    if (consumer === undefined || method === undefined) return;
    if (nowMs - this.#sinceMs >= this.#windowMs) this.flush(nowMs);
    const key = `${consumer}\n${idOf(record)}`;
    let use = this.#uses.get(key);
    if (use === undefined) {
      const isFull = this.#uses.size >= MAX_KINDS;
      use = isFull ? this.#uses.get('') : undefined;
      if (use === undefined) {
        use = { first: record, count: 0, addresses: new Set(), lastTime: record.time };
        this.#uses.set(isFull ? '' : key, use);
        if (!isFull) this.#note({ ...eventOf(record), details: { event: 'first' } });
      }
    }
    use.count++;
    use.lastTime = record.time;
    if (use.addresses.size < MAX_ADDRESSES) use.addresses.add(record.client_address);
  }

  /** Tells what was counted, and begins anew. */
  flush(nowMs: number): void {
    for (const [key, { first, count, addresses, lastTime }] of this.#uses) {
      if (count === 1 && key !== '') continue;
      const { requestId: _, traceId: __, ...event } = eventOf(first);
      this.#note({
        ...event,
        ...(key === '' ? { actor: { kind: 'consumer', id: 'many' }, target: null, subject: '' } : {}),
        details: { event: 'more', count, addresses: addresses.size, first: first.time, last: lastTime },
        atMs: nowMs,
      });
    }
    this.#uses = new Map();
    this.#sinceMs = nowMs;
  }
}

/** Ids of tokens are new with each: what is told apart is how a caller proves who it is, and its keys and certificates. */
const idOf = ({ method_of_authentication: method, credential }: UsedRecord): string =>
  credential === undefined || method === 'jwt' || method === 'introspect' || method === 'session'
    ? `${method}`
    : `${method} ${credential}`;

function eventOf(record: UsedRecord): AuditEvent {
  return {
    action: 'credential.use',
    outcome: 'success',
    actor: { kind: 'consumer', id: record.consumer! },
    target: { kind: 'credential', id: idOf(record) },
    address: record.client_address,
    requestId: record.id,
    ...(record.trace_id === undefined ? {} : { traceId: record.trace_id }),
    subject: record.consumer!,
    atMs: Date.parse(record.time),
  };
}
