export {
  type AeadName,
  associate,
  KEY_BYTES,
  openAead,
  type RandomBytes,
  SealError,
  sealAead,
} from './aead.ts';
export {
  type Envelope,
  formatEnvelope,
  isEnvelope,
  isKeyName,
  type KeyRef,
  openEnvelope,
  parseEnvelope,
  rewrapEnvelope,
  sealEnvelope,
} from './envelope.ts';
export {
  derivePassphraseKey,
  MIN_PASSPHRASE,
  newPassphraseCost,
  type PassphraseCost,
} from './passphrase.ts';
export { combineShares, parseShare, type Share, ShareError, splitSecret } from './shamir.ts';
