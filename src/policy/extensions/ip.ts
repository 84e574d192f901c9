// Cedar's ipaddr: one address or a block of them, IPv4 or IPv6. Two are the same when address and prefix are; ranges
// compare by the blocks they stand for.

const octet = /^(?:0|[1-9][0-9]{0,2})$/;
const group = /^[0-9a-fA-F]{1,4}$/;
const prefixForm = /^(?:0|[1-9][0-9]{0,2})$/;

export class IpRange {
  readonly version: 4 | 6;
  /** 4 or 16 bytes. */
  readonly #bytes: readonly number[];
  readonly prefix: number;

  constructor(version: 4 | 6, bytes: readonly number[], prefix: number) {
    this.version = version;
    this.#bytes = bytes;
    this.prefix = prefix;
  }

  /** Null when the text is neither an address nor `address/prefix`. IPv4 inside of IPv6 is not taken. */
  static parse(text: string): IpRange | null {
    const slash = text.indexOf('/');
    const address = slash === -1 ? text : text.slice(0, slash);
    const version = address.indexOf(':') === -1 ? 4 : 6;
    const bytes = version === 4 ? parseV4(address) : parseV6(address);
    if (bytes === null) return null;
    const bits = version === 4 ? 32 : 128;
    if (slash === -1) return new IpRange(version, bytes, bits);
    const prefix = text.slice(slash + 1);
    if (!prefixForm.test(prefix) || Number(prefix) > bits) return null;
    return new IpRange(version, bytes, Number(prefix));
  }

  isSame(other: IpRange): boolean {
    return this.version === other.version && this.prefix === other.prefix && this.#agrees(other, 128);
  }

  /** Whether every address of this range is in `other`. */
  isInRange(other: IpRange): boolean {
    return this.version === other.version && this.prefix >= other.prefix && this.#agrees(other, other.prefix);
  }

  isLoopback(): boolean {
    return this.isInRange(this.version === 4 ? loopback4 : loopback6);
  }

  isMulticast(): boolean {
    return this.isInRange(this.version === 4 ? multicast4 : multicast6);
  }

  #agrees(other: IpRange, bits: number): boolean {
    let left = bits;
    for (let i = 0; i < this.#bytes.length && left > 0; i++, left -= 8) {
      const difference = this.#bytes[i]! ^ other.#bytes[i]!;
      if (left >= 8 ? difference !== 0 : difference >> (8 - left) !== 0) return false;
    }
    return true;
  }
}

function parseV4(text: string): number[] | null {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => octet.test(part) && Number(part) <= 255)) return null;
  return parts.map(Number);
}

function parseV6(text: string): number[] | null {
  const gap = text.indexOf('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const head = groups(gap === -1 ? text : text.slice(0, gap));
  const tail = gap === -1 ? [] : groups(text.slice(gap + 2));
  const missing = 8 - head.length - tail.length;
  if (gap === -1 ? missing !== 0 : missing < 1) return null;
  const all = [...head, ...new Array<string>(gap === -1 ? 0 : missing).fill('0'), ...tail];
  if (!all.every((part) => group.test(part))) return null;
  return all.flatMap((part) => {
    const value = Number.parseInt(part, 16);
    return [value >> 8, value & 255];
  });
}

const loopback4 = IpRange.parse('127.0.0.0/8')!;
const loopback6 = IpRange.parse('::1')!;
const multicast4 = IpRange.parse('224.0.0.0/4')!;
const multicast6 = IpRange.parse('ff00::/8')!;
