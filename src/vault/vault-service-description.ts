// Description of the service `vault`: the HTTP API of HashiCorp Vault. Who may do what is the vault's own to say, by its
// tokens; the gate's limits, addresses and TLS stand in front of it.
import type { ServiceDescription } from '../control/contract.ts';
import type { ContractOperation } from '../openapi/index.ts';

const operation = (id: string, method: string, summary: string): ContractOperation => ({
  id,
  method,
  template: '/v1/{path*}',
  parameters: [],
  body: null,
  security: null,
  deprecated: false,
  summary,
  line: 0,
  column: 0,
});

const reason = 'the vault asks for a token of its own and judges by its policies';

export const vaultService: ServiceDescription = {
  name: 'vault',
  summary: 'Secrets, encryption and credentials (HTTP API of HashiCorp Vault).',
  operations: [
    operation('vaultRead', 'GET', 'Reads.'),
    operation('vaultList', 'LIST', 'Lists.'),
    operation('vaultCreate', 'POST', 'Writes.'),
    operation('vaultUpdate', 'PUT', 'Writes.'),
    operation('vaultPatch', 'PATCH', 'Changes in part.'),
    operation('vaultDelete', 'DELETE', 'Deletes.'),
  ],
  document: {},
  open: {
    vaultRead: reason,
    vaultList: reason,
    vaultCreate: reason,
    vaultUpdate: reason,
    vaultPatch: reason,
    vaultDelete: reason,
  },
  validates: false,
  internalOnly: false,
};
