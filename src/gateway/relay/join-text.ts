// Text and bytes in one write. HOT

/** Spans up to this size join the text that is being collected; larger ones are written as bytes. */
export const JOIN_BYTES = 16_384;

/** `text` (latin1) followed by `bytes`, in one piece. */
export function joinText(text: string, bytes: Uint8Array): Buffer {
  const joined = Buffer.allocUnsafe(text.length + bytes.length);
  joined.write(text, 0, 'latin1');
  joined.set(bytes, text.length);
  return joined;
}
