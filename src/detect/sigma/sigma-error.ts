/** A rule can not be run; the message says why. */
export class SigmaError extends Error {
  override readonly name = 'SigmaError';
}
