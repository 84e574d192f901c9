// Reports who tries ids of others: the gate's own log says it at once and the audit trail keeps it, however few read the access
// log. Of one caller it is said again after a while, with how much there was meanwhile.
import type { AuditEvent } from '../audit/index.ts';
import type { GateConfig } from '../config/index.ts';
import {
  type ExchangeRecord,
  type GateLog,
  parseRecord,
  type RecordBatch,
  type RecordSubscriber,
} from '../telemetry/index.ts';

/** The code of such refusals, as it stands in a line. */
const MARK = '"code":"enumeration-suspected"';
/** How long nothing more is said of a caller, ms. */
const QUIET_MS = 600_000;
/** Callers that are told apart; beyond that the one of whom was heard first is forgotten. */
const MAX_CALLERS = 1000;

/** Whether there are rules that such refusals come from. */
export const namesObjects = ({ apis }: GateConfig): boolean =>
  apis.some(({ operations }) => operations.some(({ authorize }) => authorize.own.length > 0));

export class EnumerationReports implements RecordSubscriber {
  readonly name = 'enumeration';
  readonly maxPendingBytes = 4_194_304;
  readonly whenFull = 'drop';
  readonly #log: GateLog;
  readonly #note: (event: AuditEvent) => void;
  readonly #nowMs: () => number;
  readonly #callers = new Map<string, { saidMs: number; refused: number }>();

  constructor(log: GateLog, note: (event: AuditEvent) => void, nowMs: () => number) {
    this.#log = log;
    this.#note = note;
    this.#nowMs = nowMs;
  }

  take({ lines }: RecordBatch): void {
    // Most batches hold none: they cost one search.
    for (let at = lines.indexOf(MARK); at !== -1; ) {
      const from = lines.lastIndexOf(10, at) + 1;
      const found = lines.indexOf(10, at);
      const end = found === -1 ? lines.length : found;
      const record = parseRecord(lines.toString('latin1', from, end));
      if (record?.code === 'enumeration-suspected') this.#see(record);
      at = lines.indexOf(MARK, end);
    }
  }

  #see(record: ExchangeRecord): void {
    const { consumer = '', client_address: address, api = '', operation = '', id } = record;
    const caller = consumer === '' ? address : consumer;
    const nowMs = this.#nowMs();
    const known = this.#callers.get(caller);
    if (known !== undefined && nowMs - known.saidMs < QUIET_MS) {
      known.refused++;
      return;
    }
    const refused = (known?.refused ?? 0) + 1;
    this.#callers.delete(caller);
    if (this.#callers.size >= MAX_CALLERS) this.#callers.delete(this.#callers.keys().next().value!);
    this.#callers.set(caller, { saidMs: nowMs, refused: 0 });
    this.#log.write('warning', 'enumeration-suspected', { consumer, address, api, operation, refused });
    this.#note({
      action: 'threat.enumeration',
      outcome: 'refused',
      actor: partyOf(record),
      target: { kind: 'operation', id: `${api} ${operation}` },
      address,
      requestId: id,
      details: { refused },
    });
  }
}

function partyOf({ consumer, method_of_authentication: method, client_address: id }: ExchangeRecord) {
  if (consumer === undefined) return { kind: 'address', id };
  return { kind: method === 'jwt' ? 'user' : 'client', id: consumer };
}
