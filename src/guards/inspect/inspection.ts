// One exchange under inspection: the engine's transaction, and what the record tells of it. HOT
import type { ErrorCode } from '../../core/index.ts';
import type { InspectionRecord } from '../../exchange/index.ts';
import type { RuleMatch, RuleTransaction } from '../../seclang/index.ts';

/** Scores by the rules of this package, of CRS 4 and of CRS 3. */
const requestScores = ['gw_request_score', 'blocking_inbound_anomaly_score', 'anomaly_score'];
const responseScores = ['gw_response_score', 'blocking_outbound_anomaly_score', 'outbound_anomaly_score'];

export class Inspection implements InspectionRecord {
  readonly transaction: RuleTransaction;
  /** Content-Encoding of the answer whose body is being collected; null for none. */
  answerCoding: string | null = null;
  /** The engine threw: nothing more can be asked of it. */
  failed = false;
  /** In detection mode: what has to be refused by rules that are not the engine's, such as limits. */
  noted: ErrorCode | '' = '';

  constructor(transaction: RuleTransaction) {
    this.transaction = transaction;
  }

  get matches(): readonly RuleMatch[] {
    return this.transaction.matches;
  }

  get requestScore(): number {
    return greatest(this.transaction, requestScores);
  }

  get responseScore(): number {
    return greatest(this.transaction, responseScores);
  }

  get wouldRefuse(): ErrorCode | '' {
    if (this.transaction.interruption !== null) return '';
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
