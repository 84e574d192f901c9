// What all body parsers share: the growing result with its bounds.
import type {
  BodyFile,
  MultipartFlags,
  NamedValue,
  ParsedBody,
  PartHeader,
  XmlElement,
} from '../contract.ts';

/** Bytes of all names of one body together. Names of JSON repeat those of their parents, so they can outgrow the body. */
const MAX_NAME_BYTES = 4_194_304;

export class BodyBuilder {
  readonly args: NamedValue[] = [];
  readonly files: BodyFile[] = [];
  readonly partHeaders: PartHeader[] = [];
  multipart: MultipartFlags | null = null;
  xml: XmlElement | null = null;
  error = '';
  readonly #maxArguments: number;
  #nameBytes = 0;

  constructor(maxArguments: number) {
    this.#maxArguments = maxArguments;
  }

  /** False, with the error set, when there are too many. */
  add(name: string, value: string): boolean {
    if (this.args.length >= this.#maxArguments) return this.fail(`more than ${this.#maxArguments} arguments`);
    this.#nameBytes += name.length;
    if (this.#nameBytes > MAX_NAME_BYTES)
      return this.fail(`names of more than ${MAX_NAME_BYTES} bytes together`);
    this.args.push({ name, value });
    return true;
  }

  /** The first error stays. */
  fail(error: string): false {
    if (this.error === '') this.error = error;
    return false;
  }

  done(): ParsedBody {
    return {
      args: this.args,
      files: this.files,
      partHeaders: this.partHeaders,
      multipart: this.multipart,
      xml: this.xml,
      error: this.error,
    };
  }
}
