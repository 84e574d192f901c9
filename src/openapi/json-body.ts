// JSON bodies, read so that nobody behind the gate can read them otherwise: strict UTF-8 without a byte order mark, no
// member twice, bounded depth, no number that a double can not hold. JSON.parse does the work; a scan over the
// text finds what it lets pass. HOT

export type JsonProblem =
  | 'encoding'
  | 'syntax'
  | 'duplicate-member'
  | 'member-name'
  | 'too-deep'
  | 'number-range';

/** Nesting of objects and lists; more is refused before it is parsed. */
export const MAX_JSON_DEPTH = 64;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Outcome of the last `parseJsonBody`; reused. */
export class JsonBody {
  value: unknown = undefined;
  problem: JsonProblem | null = null;
  /** A number stands in `value` as its nearest double; only where that was asked for. */
  isInexact = false;
}

/** `takesInexact`: numbers that a double can not hold are no problem, for bodies that pass as they came. */
export function parseJsonBody(bytes: Uint8Array, out: JsonBody, takesInexact = false): void {
  out.value = undefined;
  out.problem = null;
  out.isInexact = false;
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    out.problem = 'encoding';
    return;
  }
  if (text.charCodeAt(0) === 0xfeff) {
    out.problem = 'encoding';
    return;
  }
  // The scan comes first: it bounds the depth that the parser would recurse into.
  const scanned = scan(text);
  if (scanned === 'too-deep') {
    out.problem = scanned;
    return;
  }
  try {
    out.value = JSON.parse(text);
  } catch {
    out.problem = 'syntax';
    return;
  }
  out.isInexact = takesInexact && scanned === 'number-range';
  out.problem = out.isInexact ? null : scanned;
  if (out.problem === null && surrogateEscape.test(text) && hasLoneSurrogate(out.value))
    out.problem = 'encoding';
  if (out.problem !== null) out.value = undefined;
}

const surrogateEscape = /\\u[dD][89a-fA-F]/;
/** An escape that JSON.stringify writes only for half a pair; backslashes before it must be pairs. */
const loneSurrogate = /(?:^|[^\\])(?:\\\\)*\\ud[89a-f]/;

/** Half a surrogate pair is no character: readers replace, drop or keep it. */
const hasLoneSurrogate = (value: unknown): boolean => loneSurrogate.test(JSON.stringify(value));

const QUOTE = 34;
const BACKSLASH = 92;

/** Members of the objects that are open, one set a level, kept between calls. */
const levels: Set<string>[] = [];

/** First problem in `text`, which need not be valid JSON; then any answer but `too-deep` is as good as null. */
function scan(text: string): JsonProblem | null {
  const end = text.length;
  let depth = 0;
  let problem: JsonProblem | null = null;
  let nameNext = false;
  for (let i = 0; i < end; ) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) {
      const start = i + 1;
      let close = text.indexOf('"', start);
      while (close !== -1 && isEscaped(text, start, close)) close = text.indexOf('"', close + 1);
      if (close === -1) return problem;
      if (nameNext) {
        const raw = text.slice(start, close);
        let name = raw;
        if (raw.indexOf('\\') !== -1) {
          name = decodeName(raw);
          // V8 at times reads a name that is one escaped character as a backslash: the guards would judge another member
          // than the service gets.
          if (name.length === 1) problem = worse(problem, 'member-name');
        }
        const members = levels[depth - 1]!;
        if (members.has(name)) problem = worse(problem, 'duplicate-member');
        // To a service that copies members one by one this is no member but the object's prototype.
        if (name === '__proto__') problem = worse(problem, 'member-name');
        members.add(name);
        nameNext = false;
      }
      i = close + 1;
      continue;
    }
    if (code === 123 || code === 91) {
      if (depth >= MAX_JSON_DEPTH) return 'too-deep';
      const bit = depth;
      depth++;
      if (code === 123) {
        let members = levels[bit];
        if (members === undefined) {
          members = new Set();
          levels[bit] = members;
        } else members.clear();
        kinds[bit] = true;
        nameNext = true;
      } else {
        kinds[bit] = false;
        nameNext = false;
      }
    } else if (code === 125 || code === 93) {
      if (depth > 0) depth--;
      nameNext = false;
    } else if (code === 44) {
      nameNext = depth > 0 && kinds[depth - 1]!;
    } else if ((code >= 48 && code <= 57) || code === 45) {
      const stop = numberEnd(text, i);
      if (stop - i > 15 && !isRepresentable(text.slice(i, stop))) problem ??= 'number-range';
      else if (stop - i > 3 && hasLargeExponent(text, i, stop)) problem ??= 'number-range';
      i = stop;
      continue;
    }
    i++;
  }
  return problem;
}

/** The first problem, but for numbers, which some readers take: they must hide nothing that comes after them. */
const worse = (found: JsonProblem | null, next: JsonProblem): JsonProblem =>
  found === null || found === 'number-range' ? next : found;

/** Whether each open level is an object. */
const kinds: boolean[] = new Array<boolean>(MAX_JSON_DEPTH).fill(false);

/** Whether the quote at `at` belongs to the string: an odd number of backslashes stands before it. */
function isEscaped(text: string, start: number, at: number): boolean {
  let n = 0;
  while (at - 1 - n >= start && text.charCodeAt(at - 1 - n) === BACKSLASH) n++;
  return (n & 1) === 1;
}

function decodeName(raw: string): string {
  try {
    return JSON.parse(`"${raw}"`) as string;
  } catch {
    return raw;
  }
}

function numberEnd(text: string, from: number): number {
  let i = from + 1;
  for (; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const isPart =
      (code >= 48 && code <= 57) || code === 46 || code === 43 || code === 45 || code === 69 || code === 101;
    if (!isPart) break;
  }
  return i;
}

function hasLargeExponent(text: string, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const code = text.charCodeAt(i);
    if (code === 69 || code === 101) return !isRepresentable(text.slice(from, to));
  }
  return false;
}

/** Integers beyond 2^53 and overflowing numbers differ between a double and a decimal reader. */
function isRepresentable(number: string): boolean {
  const value = Number(number);
  if (!Number.isFinite(value)) return false;
  return !/^-?\d+$/.test(number) || Number.isSafeInteger(value);
}
