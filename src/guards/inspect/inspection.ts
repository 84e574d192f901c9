// One exchange under inspection: the engine's transaction, and what the record tells of it. HOT
import type { ErrorCode } from '../../core/index.ts';
import type { InspectionRecord } from '../../exchange/index.ts';
import type { RuleMatch, RuleTransaction } from '../../seclang/index.ts';

/** Scores by the rules of this package, of CRS 4 and of CRS 3. */
const requestScores = ['gw_request_score', 'blocking_inbound_anomaly_score', 'anomaly_score'];
const responseScores = ['gw_response_score', 'blocking_outbound_anomaly_score', 'outbound_anomaly_score'];

/** Messages with matches that a connection's record keeps; a WebSocket may be open for days. */
const MAX_MESSAGES = 16;

export class Inspection implements InspectionRecord {
  readonly transaction: RuleTransaction;
  readonly #blocks: boolean;
  /** Transactions of WebSocket messages in which a rule matched. */
  #messages: RuleTransaction[] | null = null;
  /** Content-Encoding of the answer whose body is being collected; null for none. */
  answerCoding: string | null = null;
  /** The body's type has no reader: it comes to the rules as text. */
  isPlainText = false;
  /** The engine threw: nothing more can be asked of it. */
  failed = false;
  /** In detection mode: what has to be refused by rules that are not the engine's, such as limits. */
  noted: ErrorCode | '' = '';

  constructor(transaction: RuleTransaction, blocks: boolean) {
    this.transaction = transaction;
    this.#blocks = blocks;
  }

  /** Takes what was found in a message of a WebSocket into the record of the whole connection. */
  addMessage(transaction: RuleTransaction): void {
    if (transaction.matches.length === 0) return;
    this.#messages ??= [];
    if (this.#messages.length < MAX_MESSAGES) this.#messages.push(transaction);
  }

  get matches(): readonly RuleMatch[] {
    const { matches } = this.transaction;
    if (this.#messages === null) return matches;
    return matches.concat(this.#messages.flatMap((message) => message.matches));
  }

  get requestScore(): number {
    return this.#greatest(requestScores);
  }

  get responseScore(): number {
    return this.#greatest(responseScores);
  }

  #greatest(names: readonly string[]): number {
    let best = greatest(this.transaction, names);
    for (const message of this.#messages ?? []) best = Math.max(best, greatest(message, names));
    return best;
  }

  get wouldRefuse(): ErrorCode | '' {
    if (this.#blocks) return '';
    const { matches } = this;
    for (let i = 0; i < matches.length; i++) {
      const match = matches[i]!;
      if (match.isDisruptive) return match.phase <= 2 ? 'request-blocked' : 'response-blocked';
    }
    return this.noted;
  }
}

function greatest(transaction: RuleTransaction, names: readonly string[]): number {
  let best = 0;
  for (let i = 0; i < names.length; i++) {
    const value = Number(transaction.variable(names[i]!));
    if (value > best) best = value;
  }
  return best;
}
