// Makes tar archives as tar does, and such as nobody should unpack.

export interface TarEntry {
  readonly path: string;
  readonly content: string;
  /** Type flag of the header; `0`, a regular file, by default. */
  readonly type?: string;
}

function block(name: string, size: number, type: string): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0, 100, 'utf8');
  header.write('0000644\0', 100, 'latin1');
  header.write(`${size.toString(8).padStart(11, '0')}\0`, 124, 'latin1');
  header.write('        ', 148, 'latin1');
  header.write(type, 156, 'latin1');
  header.write('ustar\x0000', 257, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

const padded = (content: Buffer): Buffer =>
  Buffer.concat([content, Buffer.alloc((512 - (content.length % 512)) % 512)]);

/** Names longer than a header holds go into a pax record. */
export function makeTar(entries: readonly TarEntry[]): Buffer {
  const parts: Buffer[] = [];
  for (const { path, content, type } of entries) {
    const bytes = Buffer.from(content);
    if (path.length > 100) {
      let length = path.length + 7;
      while (String(length).length + 1 + `path=${path}\n`.length !== length) length++;
      const record = Buffer.from(`${length} path=${path}\n`);
      parts.push(block('pax', record.length, 'x'), padded(record));
    }
    parts.push(block(path.slice(0, 100), bytes.length, type ?? '0'), padded(bytes));
  }
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}
