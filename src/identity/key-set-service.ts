// Description of the service `key-set`: the public keys of what the gate signs, for services that verify it.
import type { ServiceDescription } from '../control/contract.ts';

export const keySetService: ServiceDescription = {
  name: 'key-set',
  summary: 'Public keys of the tokens that tell services who calls (JWK Set, RFC 7517).',
  operations: [
    {
      id: 'getKeySet',
      method: 'GET',
      template: '/.well-known/jwks.json',
      parameters: [],
      body: null,
      security: null,
      deprecated: false,
      summary: 'The keys in use and those that come next.',
      line: 0,
      column: 0,
    },
  ],
  document: {},
  open: { getKeySet: 'public keys, for whoever verifies tokens' },
  validates: true,
  internalOnly: false,
};
