// The services that a configuration can name: descriptions alone, so that a data-plane thread or `gatewright check` loads
// none of their code. The composition root mounts the handlers.
import { adminService } from '../admin-api/service.ts';
import type { ServiceDescription } from '../control/contract.ts';
import { decisionsService } from '../guards/authorize/decisions-service.ts';
import { keySetService } from '../identity/key-set-service.ts';
import { serviceIdentityService } from '../identity/services/identity-service.ts';
import { authorizationServerService } from '../oauth/service.ts';
import { vaultService } from '../vault/vault-service-description.ts';

export const serviceCatalogue: readonly ServiceDescription[] = [
  keySetService,
  decisionsService,
  vaultService,
  authorizationServerService,
  serviceIdentityService,
  adminService,
];
