// Checkpoints (C2SP tlog-checkpoint): the text that a log signs about itself.

export interface Checkpoint {
  /** Name of the log. */
  readonly origin: string;
  /** Leaves. */
  readonly size: number;
  readonly root: Uint8Array;
}

export const checkpointText = ({ origin, size, root }: Checkpoint): string =>
  `${origin}\n${size}\n${Buffer.from(root).toString('base64')}\n`;

/** Reads the text of a checkpoint; lines behind the third are extensions. Null for anything else. */
export function parseCheckpoint(text: string): Checkpoint | null {
  const [origin, size, root] = text.split('\n');
  if (origin === undefined || origin === '' || size === undefined || root === undefined) return null;
  const hash = Buffer.from(root, 'base64');
  if (!/^(?:0|[1-9][0-9]{0,15})$/.test(size) || !Number.isSafeInteger(Number(size))) return null;
  if (hash.length !== 32 || hash.toString('base64') !== root) return null;
  return { origin, size: Number(size), root: hash };
}

const LABEL = Buffer.from('subtree/v1\n\0');

/** What ML-DSA signs about a checkpoint (C2SP tlog-cosignature): the tree, in whose name and at what time. */
export function cosignedMessage(signer: string, { origin, size, root }: Checkpoint, timeS: bigint): Buffer {
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(timeS);
  // From the first leaf on.
  const range = Buffer.alloc(16);
  range.writeBigUInt64BE(BigInt(size), 8);
  return Buffer.concat([LABEL, withLength(signer), time, withLength(origin), range, root]);
}

/** Text with its length in one byte in front. Throws RangeError for what that can not say. */
function withLength(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length === 0 || bytes.length > 255) throw new RangeError('names have 1 to 255 bytes');
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}
