// An answer that waits while guards judge its body: its head, which the upstream's connection would reuse, and the first
// bytes of its body. HOT
import { FieldList } from '../../http/fields/index.ts';

const emptyBody = Buffer.alloc(0);

export class HeldAnswer {
  readonly status: number;
  readonly fields = new FieldList();
  /** Bytes of body, CHUNKED or UNTIL_CLOSE. */
  readonly length: number;
  readonly announced: number;
  readonly limit: number;
  readonly #chunks: Buffer[] = [];
  #size = 0;

  /** `fields` is copied. */
  constructor(status: number, fields: FieldList, length: number, announced: number, limit: number) {
    this.status = status;
    this.length = length;
    this.announced = announced;
    this.limit = limit;
    for (let i = 0; i < fields.length; i++) {
      this.fields.names.push(fields.names[i]!);
      this.fields.values.push(fields.values[i]!);
    }
  }

  /** Keeps a copy of the span, also beyond the limit: it is for the one who reads to stop. */
  add(bytes: Uint8Array, start: number, end: number): void {
    this.#chunks.push(Buffer.from(bytes.subarray(start, end)));
    this.#size += end - start;
  }

  get isOverLimit(): boolean {
    return this.#size > this.limit;
  }

  /** Everything that was kept, which may be more than the limit. */
  body(): Buffer {
    const chunks = this.#chunks;
    if (chunks.length === 0) return emptyBody;
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, this.#size);
  }
}
