export { matchesContentDigest } from './content-digest.ts';
export { type SignedRequest, signatureBase } from './signature-base.ts';
export {
  compileSignatureKey,
  type OwnedKey,
  type SignatureAlgorithm,
  type SignatureExpectations,
  type SignatureKey,
  type SignatureProblem,
  signatureAlgorithms,
  type VerifiedSignature,
  verifySignature,
} from './verify.ts';
export {
  customWebhook,
  findGenuineSignature,
  readWebhook,
  type WebhookClaim,
  type WebhookProblem,
  type WebhookScheme,
  webhookSchemes,
} from './webhook.ts';
