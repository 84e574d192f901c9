// The Huffman code of HPACK (RFC 7541 appendix B). The code is canonical, so the lengths say it all; the decoder
// walks a table of states four bits at a time. Only decoding is needed: encoded, the gate's own short fields would
// cost more time than the bytes they save. HOT

/** Bits of the code of each byte, and of the end-of-string symbol (256). */
const lengths: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28,
  28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7,
  8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19,
  13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13,
  28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21,
  22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23,
  22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25,
  25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

const END_OF_STRING = 256;
const EMIT = 1 << 17;
const FAIL = 1 << 18;

/** Codes by symbol: consecutive numbers within a length, in the order of the symbols. */
function assignCodes(): number[] {
  const codes = new Array<number>(lengths.length).fill(0);
  const symbols = lengths.map((_, symbol) => symbol).sort((a, b) => lengths[a]! - lengths[b]! || a - b);
  let code = 0;
  let length = lengths[symbols[0]!]!;
  for (const symbol of symbols) {
    code *= 2 ** (lengths[symbol]! - length);
    length = lengths[symbol]!;
    codes[symbol] = code++;
  }
  return codes;
}

/** Binary tree as two arrays; a value below zero is the symbol ~value. */
function buildTree(): { readonly zero: number[]; readonly one: number[] } {
  const zero = [0];
  const one = [0];
  assignCodes().forEach((code, symbol) => {
    let node = 0;
    for (let bit = lengths[symbol]! - 1; bit >= 0; bit--) {
      const side = Math.floor(code / 2 ** bit) % 2 === 0 ? zero : one;
      if (bit === 0) side[node] = ~symbol;
      else {
        if (side[node] === 0) {
          side[node] = zero.length;
          zero.push(0);
          one.push(0);
        }
        node = side[node]!;
      }
    }
  });
  return { zero, one };
}

/** `table[state * 16 + nibble]`: next state, with EMIT and the symbol, or FAIL. */
function buildTable(): { readonly table: Int32Array; readonly accepting: Uint8Array } {
  const { zero, one } = buildTree();
  const table = new Int32Array(zero.length * 16);
  for (let state = 0; state < zero.length; state++) {
    for (let nibble = 0; nibble < 16; nibble++) {
      let node = state;
      let entry = 0;
      for (let bit = 3; bit >= 0; bit--) {
        const next = ((nibble >> bit) & 1) === 0 ? zero[node]! : one[node]!;
        if (next >= 0) node = next;
        else {
          if (~next === END_OF_STRING) entry |= FAIL;
          else entry |= EMIT | (~next << 9);
          node = 0;
        }
      }
      table[state * 16 + nibble] = entry | node;
    }
  }
  // Padding is at most seven ones, the beginning of the end-of-string code.
  const accepting = new Uint8Array(zero.length);
  let node = 0;
  for (let bits = 0; bits < 8; bits++) {
    accepting[node] = 1;
    node = one[node]!;
  }
  return { table, accepting };
}

const { table, accepting } = buildTable();
let scratch = Buffer.allocUnsafeSlow(8192);

/** Text of `bytes[start, end)`, one latin1 character a byte; null when it is no valid code or wrongly padded. */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number): string | null {
  const most = Math.ceil(((end - start) * 8) / 5);
  if (most > scratch.length) scratch = Buffer.allocUnsafeSlow(most);
  const out = scratch;
  let length = 0;
  let state = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    let entry = table[(state << 4) | (byte >> 4)]!;
    if ((entry & EMIT) !== 0) out[length++] = (entry >> 9) & 0xff;
    const failed = entry;
    entry = table[((entry & 0x1ff) << 4) | (byte & 15)]!;
    if ((entry & EMIT) !== 0) out[length++] = (entry >> 9) & 0xff;
    if (((failed | entry) & FAIL) !== 0) return null;
    state = entry & 0x1ff;
  }
  return accepting[state] === 1 ? out.toString('latin1', 0, length) : null;
}
