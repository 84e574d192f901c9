export { type Checkpoint, checkpointText, parseCheckpoint } from './checkpoint.ts';
export { EMPTY_ROOT, HASH_BYTES, leafHash, nodeHash } from './hashes.ts';
export {
  addSignature,
  type NoteSignature,
  type NoteSigner,
  type NoteVerifier,
  noteSigner,
  type OpenedNote,
  openNote,
  parseNote,
  parseVerifier,
  readNote,
  SignatureKind,
  signatureLine,
  signatureOf,
  signNote,
  verifierText,
} from './note.ts';
export { levelsOf, TILE_HEIGHT, TILE_WIDTH, tilePath, tilesOf } from './tiles.ts';
export {
  consistencyProof,
  inclusionProof,
  rootOf,
  type SubtreeReader,
  splitOf,
  verifyConsistency,
  verifyInclusion,
  verifyLeafInclusion,
} from './tree.ts';
