// HOT. Texts of one byte a char to bytes and back. Buffer's own methods look the encoding up by its name each time, which takes longer
// than a short text; what they then call is not documented, so they stand in where a version of Node does not have it.

interface Latin1Methods {
  latin1Write?(text: string, at: number, length: number): number;
  latin1Slice?(start: number, end: number): string;
}

const { latin1Write, latin1Slice }: Latin1Methods = Buffer.prototype as unknown as Latin1Methods;

/** Writes `text`, for which there must be room, from `at`. */
export const writeLatin1: (to: Buffer, text: string, at: number) => void =
  latin1Write === undefined
    ? (to, text, at) => {
        to.write(text, at, 'latin1');
      }
    : (to, text, at) => {
        latin1Write.call(to, text, at, text.length);
      };

/** The bytes from `start` up to `end`. */
export const readLatin1: (from: Buffer, start: number, end: number) => string =
  latin1Slice === undefined
    ? (from, start, end) => from.toString('latin1', start, end)
    : (from, start, end) => latin1Slice.call(from, start, end);
