export { certificateKeys } from './client-certificates.ts';
export {
  checkSettings,
  createSecret,
  DEVICE_CODE,
  grantTypes,
  registerClient,
  rotateSecret,
  TOKEN_EXCHANGE,
} from './clients.ts';
export * from './contract.ts';
export { inviteProgram, type RegistrationLimits } from './initial-access-token.ts';
export { leaveOutLibraryNotices } from './library-notices.ts';
export { html } from './pages/html.ts';
export { hashPassword, verifyPassword } from './passwords/argon2id.ts';
export { createTotpSecret, totpCode, totpUri } from './totp.ts';
export {
  MIN_PASSWORD,
  newPassword,
  newRecoveryCodes,
  newTemporaryPassword,
  newTotp,
  passwordProblem,
} from './user-credentials.ts';
