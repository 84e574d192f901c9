// Certificates and keys that callers sign with have no date of issue that the gate knows: they, or their owners, are
// withdrawn whole. Looked up only when something was withdrawn since the last time. HOT
import { RevocationKind, type RevocationTable } from '../../credentials/index.ts';
import { type Consumer, type Decision, type Exchange, Refusal } from '../../exchange/index.ts';
import type { CompiledMethod } from './compiled-method.ts';

/** Only what is withdrawn whole counts. */
const UNDATED = Number.MAX_VALUE;
const revoked = new Refusal('credentials-invalid', 'authenticate', 'credential-revoked');

/** `method`, a synchronous one, whose callers are looked for among the withdrawals. */
export function compileStanding(method: CompiledMethod, revocations: RevocationTable | null): CompiledMethod {
  if (revocations === null) return method;
  const standing = new StandingCredentials(revocations);
  return {
    ...method,
    run: (exchange) => {
      const result = method.run(exchange);
      return result === null ? standing.judge(exchange) : result;
    },
  };
}

class StandingCredentials {
  readonly #revocations: RevocationTable;
  /** Version of the withdrawals at which a caller was last found good. */
  readonly #checked = new WeakMap<Consumer, number>();

  constructor(revocations: RevocationTable) {
    this.#revocations = revocations;
  }

  judge(exchange: Exchange): Decision {
    const consumer = exchange.consumer!;
    const table = this.#revocations;
    const { version } = table;
    if (this.#checked.get(consumer) === version) return null;
    if (
      table.isRevoked(RevocationKind.subject, consumer.id, UNDATED) ||
      (consumer.credentialId !== '' && table.isRevoked(RevocationKind.key, consumer.credentialId, UNDATED))
    ) {
      exchange.consumer = null;
      return revoked;
    }
    this.#checked.set(consumer, version);
    return null;
  }
}
