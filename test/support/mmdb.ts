// Writes small files in MaxMind DB format (https://maxmind.github.io/MaxMind-DB/), so that tests know places of their own.
import { parseCidr } from '../../src/net/index.ts';

export type MmdbValue = string | number | boolean | { readonly [name: string]: MmdbValue };

interface MmdbOptions {
  readonly recordSize?: 24 | 28 | 32;
  readonly built?: Date;
  readonly type?: string;
}

type Branch = { children: [Node, Node] };
type Node = Branch | { record: number } | null;

/** A database of networks in CIDR form; the later entry wins where two overlap in the same way. */
export function mmdb(networks: Readonly<Record<string, MmdbValue>>, options: MmdbOptions = {}): Buffer {
  const { recordSize = 24, built = new Date(), type = 'Test' } = options;
  const data: Buffer[] = [];
  let dataSize = 0;
  const root: Branch = { children: [null, null] };
  for (const [cidr, value] of Object.entries(networks)) {
    const range = parseCidr(cidr)!;
    const bits = 128 - (range.last - range.first).toString(2).replace(/^0$/, '').length;
    // IPv4 stands in ::/96 here, and not among the mapped addresses.
    const first = cidr.includes(':') ? range.first : range.first & 0xffff_ffffn;
    const encoded = encodeValue(value);
    put(root, first, bits, dataSize);
    data.push(encoded);
    dataSize += encoded.length;
  }
  const branches: Branch[] = [];
  const collect = (branch: Branch): void => {
    branches.push(branch);
    for (const child of branch.children) if (child !== null && 'children' in child) collect(child);
  };
  collect(root);
  const index = new Map(branches.map((branch, at) => [branch, at]));
  const count = branches.length;
  const recordOf = (node: Node): number =>
    node === null ? count : 'children' in node ? index.get(node)! : count + 16 + node.record;
  const tree = Buffer.concat(
    branches.map(({ children }) => encodeNode(recordOf(children[0]), recordOf(children[1]), recordSize)),
  );
  const metadata = encodeValue({
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: Math.floor(built.getTime() / 1000),
    database_type: type,
    ip_version: 6,
    node_count: count,
    record_size: recordSize,
  });
  const marker = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1');
  return Buffer.concat([tree, Buffer.alloc(16), ...data, marker, metadata]);
}

function put(root: Branch, first: bigint, bits: number, record: number): void {
  let branch = root;
  for (let depth = 0; depth < bits; depth++) {
    const bit = Number((first >> BigInt(127 - depth)) & 1n) as 0 | 1;
    if (depth === bits - 1) {
      branch.children[bit] = { record };
      return;
    }
    const next = branch.children[bit];
    if (next !== null && 'children' in next) branch = next;
    else {
      const created: Branch = { children: [next, next] };
      branch.children[bit] = created;
      branch = created;
    }
  }
}

function encodeNode(left: number, right: number, recordSize: 24 | 28 | 32): Buffer {
  const node = Buffer.alloc(recordSize / 4);
  if (recordSize === 24) {
    node.writeUIntBE(left, 0, 3);
    node.writeUIntBE(right, 3, 3);
  } else if (recordSize === 28) {
    node.writeUIntBE(left & 0xff_ffff, 0, 3);
    node[3] = ((left >>> 24) << 4) | (right >>> 24);
    node.writeUIntBE(right & 0xff_ffff, 4, 3);
  } else {
    node.writeUInt32BE(left, 0);
    node.writeUInt32BE(right, 4);
  }
  return node;
}

function encodeValue(value: MmdbValue): Buffer {
  if (typeof value === 'string') {
    const text = Buffer.from(value);
    return Buffer.concat([head(2, text.length), text]);
  }
  if (typeof value === 'boolean') return Buffer.from([value ? 1 : 0, 7]);
  if (typeof value === 'number') {
    if (Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff) {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(value);
      return Buffer.concat([head(6, 4), bytes]);
    }
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleBE(value);
    return Buffer.concat([head(3, 8), bytes]);
  }
  const members = Object.entries(value);
  return Buffer.concat([
    head(7, members.length),
    ...members.flatMap(([name, member]) => [encodeValue(name), encodeValue(member)]),
  ]);
}

function head(type: number, size: number): Buffer {
  if (size < 29) return Buffer.from([(type << 5) | size]);
  return Buffer.from([(type << 5) | 29, size - 29]);
}
