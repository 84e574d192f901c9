// Protocol Buffers for messages that a table describes: what OTLP needs of the wire format, and no more. One model of plain
// objects is written as JSON or as protobuf from the same tables; tests hold them against the official generated code.

/**
 * How a value stands in the model and on the wire. `hex` is bytes that the model holds as hexadecimal digits, as OTLP's JSON does;
 * integers of 64 bits are bigints or whole numbers.
 */
export type Kind =
  | 'string'
  | 'hex'
  | 'bytes'
  | 'bool'
  | 'varint'
  | 'fixed32'
  | 'fixed64'
  | 'double'
  | MessageTable;

export interface Field {
  readonly id: number;
  readonly kind: Kind;
  readonly repeated: boolean;
}

export interface MessageTable {
  readonly fields: Readonly<Record<string, Field>>;
}

/** A message of the fields given; `'string[]'` and `[table]` are repeated. Lazy, so that a message may hold itself. */
export function message(
  fields: () => Readonly<
    Record<string, readonly [id: number, kind: Kind | `${string}[]` | readonly [MessageTable]]>
  >,
): MessageTable {
  let made: Record<string, Field> | null = null;
  return {
    get fields() {
      if (made === null) {
        made = Object.create(null) as Record<string, Field>;
        for (const [name, [id, kind]] of Object.entries(fields())) made[name] = fieldOf(id, kind);
      }
      return made;
    },
  };
}

function fieldOf(id: number, kind: Kind | `${string}[]` | readonly [MessageTable]): Field {
  if (Array.isArray(kind)) return { id, kind: kind[0] as MessageTable, repeated: true };
  if (typeof kind === 'string' && kind.endsWith('[]'))
    return { id, kind: kind.slice(0, -2) as Kind, repeated: true };
  return { id, kind: kind as Kind, repeated: false };
}

const FIRST_BYTES = 16_384;
const WIRE_VARINT = 0;
const WIRE_64 = 1;
const WIRE_BYTES = 2;
const WIRE_32 = 5;

class Writer {
  bytes = Buffer.allocUnsafe(FIRST_BYTES);
  at = 0;

  reserve(count: number): void {
    if (this.at + count <= this.bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.at + count));
    this.bytes.copy(grown, 0, 0, this.at);
    this.bytes = grown;
  }

  varint(value: number): void {
    this.reserve(10);
    let rest = value;
    while (rest > 0x7f) {
      this.bytes[this.at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.bytes[this.at++] = rest;
  }

  /** Two's complement of 64 bits, for values that are negative or too large for a number. */
  bigVarint(value: bigint): void {
    this.reserve(10);
    let rest = BigInt.asUintN(64, value);
    while (rest > 0x7fn) {
      this.bytes[this.at++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.bytes[this.at++] = Number(rest);
  }

  text(value: string, encoding: 'utf8' | 'hex'): void {
    const size = encoding === 'hex' ? value.length >> 1 : Buffer.byteLength(value);
    this.varint(size);
    this.reserve(size);
    this.at += this.bytes.write(value, this.at, encoding);
  }

  /** Writes the length in front of what `write` writes: most messages need one byte for it, longer ones are moved. */
  sized(write: () => void): void {
    this.reserve(1);
    const start = ++this.at;
    write();
    const size = this.at - start;
    if (size < 0x80) {
      this.bytes[start - 1] = size;
      return;
    }
    let more = 0;
    for (let rest = size >>> 7; rest > 0; rest >>>= 7) more++;
    this.reserve(more);
    this.bytes.copyWithin(start + more, start, this.at);
    const end = this.at + more;
    this.at = start - 1;
    this.varint(size);
    this.at = end;
  }
}

/** The message on the wire. Members that are undefined are left out; members without a table entry are a mistake of the caller. */
export function encodeMessage(table: MessageTable, value: object): Buffer {
  const writer = new Writer();
  writeMessage(writer, table, value);
  return Buffer.from(writer.bytes.subarray(0, writer.at));
}

function writeMessage(writer: Writer, table: MessageTable, value: object): void {
  const { fields } = table;
  for (const name in value) {
    const member = (value as Record<string, unknown>)[name];
    if (member === undefined) continue;
    const field = fields[name];
    if (field === undefined) throw new RangeError(`there is no field ${name}`);
    if (!field.repeated) writeField(writer, field, member);
    else if (isPacked(field.kind)) writePacked(writer, field, member as readonly unknown[]);
    else for (const entry of member as readonly unknown[]) writeField(writer, field, entry);
  }
}

const isPacked = (kind: Kind): boolean =>
  kind === 'varint' || kind === 'bool' || kind === 'fixed32' || kind === 'fixed64' || kind === 'double';

function writePacked(writer: Writer, field: Field, values: readonly unknown[]): void {
  if (values.length === 0) return;
  writer.varint(field.id * 8 + WIRE_BYTES);
  writer.sized(() => {
    for (const value of values) writeValue(writer, field.kind, value);
  });
}

function writeField(writer: Writer, { id, kind }: Field, value: unknown): void {
  writer.varint(id * 8 + wireOf(kind));
  writeValue(writer, kind, value);
}

function wireOf(kind: Kind): number {
  if (kind === 'varint' || kind === 'bool') return WIRE_VARINT;
  if (kind === 'fixed64' || kind === 'double') return WIRE_64;
  return kind === 'fixed32' ? WIRE_32 : WIRE_BYTES;
}

function writeValue(writer: Writer, kind: Kind, value: unknown): void {
  if (typeof kind === 'object') return writer.sized(() => writeMessage(writer, kind, value as object));
  switch (kind) {
    case 'string':
      return writer.text(value as string, 'utf8');
    case 'hex':
      return writer.text(value as string, 'hex');
    case 'bytes': {
      const bytes = value as Uint8Array;
      writer.varint(bytes.length);
      writer.reserve(bytes.length);
      writer.bytes.set(bytes, writer.at);
      writer.at += bytes.length;
      return;
    }
    case 'bool':
      return writer.varint(value === true ? 1 : 0);
    case 'varint':
      if (typeof value === 'number' && value >= 0) writer.varint(value);
      else writer.bigVarint(BigInt(value as number | bigint));
      return;
  }
  writer.reserve(8);
  if (kind === 'double') writer.at = writer.bytes.writeDoubleLE(value as number, writer.at);
  else if (kind === 'fixed32') writer.at = writer.bytes.writeUInt32LE(value as number, writer.at);
  else
    writer.at = writer.bytes.writeBigUInt64LE(
      BigInt.asUintN(64, BigInt(value as number | bigint)),
      writer.at,
    );
}

/**
 * A message that a receiver sent. Fields that the table does not name are skipped, as are known ones in another wire format.
 * Integers come as bigints, of repeated fields only messages and bytes are read. Null when it is none.
 */
export function decodeMessage(table: MessageTable, bytes: Buffer): Record<string, unknown> | null {
  try {
    return readMessage(table, bytes, 0);
  } catch {
    return null;
  }
}

/** Messages within messages; receivers' answers have four levels. */
const MAX_DEPTH = 16;

function readMessage(table: MessageTable, bytes: Buffer, depth: number): Record<string, unknown> {
  if (depth > MAX_DEPTH) throw new RangeError('too deep');
  const names = new Map(
    Object.entries(table.fields).map(([name, field]) => [field.id, [name, field] as const]),
  );
  const out: Record<string, unknown> = {};
  const cursor = { at: 0 };
  while (cursor.at < bytes.length) {
    const tag = Number(readVarint(bytes, cursor));
    const wire = tag & 7;
    const raw = readRaw(bytes, cursor, wire);
    const found = names.get(Math.floor(tag / 8));
    if (found === undefined || wireOf(found[1].kind) !== wire) continue;
    const [name, { kind, repeated }] = found;
    const value = readValue(kind, raw, depth);
    if (repeated) out[name] = [...((out[name] as unknown[] | undefined) ?? []), value];
    else out[name] = value;
  }
  return out;
}

function readValue(kind: Kind, raw: bigint | Buffer, depth: number): unknown {
  if (typeof raw === 'bigint') return kind === 'bool' ? raw !== 0n : BigInt.asIntN(64, raw);
  if (typeof kind === 'object') return readMessage(kind, raw, depth + 1);
  if (kind === 'string') return raw.toString('utf8');
  if (kind === 'hex') return raw.toString('hex');
  return kind === 'double' ? raw.readDoubleLE() : raw;
}

function readRaw(bytes: Buffer, cursor: { at: number }, wire: number): bigint | Buffer {
  if (wire === WIRE_VARINT) return readVarint(bytes, cursor);
  const size =
    wire === WIRE_64
      ? 8
      : wire === WIRE_32
        ? 4
        : wire === WIRE_BYTES
          ? Number(readVarint(bytes, cursor))
          : -1;
  if (size < 0 || cursor.at + size > bytes.length) throw new RangeError('not a message');
  const raw = bytes.subarray(cursor.at, cursor.at + size);
  cursor.at += size;
  return raw;
}

function readVarint(bytes: Buffer, cursor: { at: number }): bigint {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = bytes[cursor.at++];
    if (byte === undefined) break;
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  throw new RangeError('not a varint');
}
