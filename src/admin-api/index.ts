export { API_BASE, adminContract, statusesOf } from './openapi.ts';
export { type AdminOperation, type AdminOperationId, operationEntries, operations } from './operations.ts';
export {
  isControlScope,
  type Permission,
  permissions,
  permissionsOf,
  permissionsOfRole,
  type Role,
  roles,
  SCOPE_PREFIX,
  scopeOfRole,
} from './permissions.ts';
