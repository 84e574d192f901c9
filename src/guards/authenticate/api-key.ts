// API keys in a header field. HOT
import type { Clock } from '../../core/index.ts';
import { type Decision, type Exchange, Refusal } from '../../exchange/index.ts';
import type { ApiKeyTable } from './api-key-table.ts';
import { type CompiledMethod, NOT_THERE } from './compiled-method.ts';
import type { ApiKeyMethod } from './contract.ts';

export function compileApiKey(method: ApiKeyMethod, keys: ApiKeyTable, clock: Clock): CompiledMethod {
  const { header } = method;
  return {
    challenge: 'ApiKey',
    run: (exchange) => {
      const key = exchange.fields.get(header);
      return key === null ? NOT_THERE : runApiKey(exchange, key, header, keys, clock);
    },
    runBody: null,
    // A key for the gate is of no use to the upstream, which might log it.
    strips: [header],
  };
}

function runApiKey(
  exchange: Exchange,
  key: string,
  header: string,
  keys: ApiKeyTable,
  clock: Clock,
): Decision {
  if (exchange.fields.count(header) > 1)
    return new Refusal('credentials-ambiguous', 'authenticate', 'two-api-keys');
  const row = keys.find(key);
  if (row === null) return refusal('credentials-invalid', 'api-key-unknown');
  const nowMs = clock.epochMs();
  if (nowMs >= row.expiresMs) return refusal('credentials-expired', 'api-key-expired');
  if (keys.stored.isRevoked(row)) return refusal('credentials-invalid', 'api-key-revoked');
  if (row.addresses !== null && !row.addresses.has(exchange.clientAddress))
    return refusal('credentials-invalid', 'api-key-address');
  keys.stored.noteUse(row, nowMs);
  exchange.consumer = row.consumer;
  return null;
}

const fields = ['www-authenticate', 'ApiKey'];
const refusal = (code: 'credentials-invalid' | 'credentials-expired', reason: string): Refusal =>
  new Refusal(code, 'authenticate', reason, '', fields);
