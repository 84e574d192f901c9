// multipart/form-data (RFC 7578), strict: browsers and sane clients pass without a flag; what servers are known to read
// in different ways raises one, and what has no clear meaning is an error.
import type { BodyFile, BodyLimits, ParsedBody } from '../contract.ts';
import { findBoundary } from './multipart-boundary.ts';
import { FlagsFound } from './multipart-flags.ts';
import { BodyBuilder } from './parsed.ts';

/** Files of one body, as SecUploadFileLimit has it by default. */
const MAX_FILES = 100;
/** Bytes of one header line of a part, folded lines together. */
const MAX_HEADER_BYTES = 4096;
/** Header lines of one part. */
const MAX_HEADERS = 64;

export function parseMultipartBody(body: string, contentType: string, limits: BodyLimits): ParsedBody {
  const builder = new BodyBuilder(limits.maxArguments);
  const flags = new FlagsFound();
  const found = findBoundary(contentType, flags);
  if (found.kind === 'error') {
    flags.hasError = true;
    builder.fail(`Multipart: ${found.message}`);
  } else if (body !== '') new MultipartParser(body, found.boundary, limits, builder, flags).parse();
  builder.multipart = flags.done();
  return builder.done();
}

class MultipartParser {
  readonly #body: string;
  readonly #delimiter: string;
  readonly #limits: BodyLimits;
  readonly #builder: BodyBuilder;
  readonly #flags: FlagsFound;
  #parts = 0;

  constructor(body: string, boundary: string, limits: BodyLimits, builder: BodyBuilder, flags: FlagsFound) {
    this.#body = body;
    this.#delimiter = `--${boundary}`;
    this.#limits = limits;
    this.#builder = builder;
    this.#flags = flags;
  }

  parse(): boolean {
    const body = this.#body;
    let line = this.#nextDelimiter(0);
    this.#lookBefore(line < 0 ? body.length : line);
    if (line < 0) return this.#fail('there is no boundary');
    for (;;) {
      let at = line + this.#delimiter.length;
      const isFinal = body.startsWith('--', at);
      if (isFinal) at += 2;
      const end = this.#endOfLine(at);
      if (end < 0 && !(isFinal && at === body.length)) {
        this.#flags.unmatchedBoundary = true;
        return this.#fail('something stands behind a boundary in its line');
      }
      if (isFinal) {
        if (end >= 0 && end < body.length) this.#flags.dataAfter = true;
        return true;
      }
      const next = this.#nextDelimiter(end);
      this.#lookInside(end, next < 0 ? body.length : next);
      if (next < 0) {
        // Some servers take what is there, so it is to be seen.
        this.#part(end, body.length, false);
        return this.#fail('the final boundary is missing');
      }
      if (!this.#part(end, next, true)) return false;
      line = next;
    }
  }

  /** Start of the next line that begins with the delimiter, from `from` on, or -1. */
  #nextDelimiter(from: number): number {
    const body = this.#body;
    let at = body.indexOf(this.#delimiter, from);
    while (at > 0 && at !== from && body.charCodeAt(at - 1) !== 10)
      at = body.indexOf(this.#delimiter, at + 1);
    return at;
  }

  /** Where the line after that which ends at `at` begins, or -1 when none ends there. Notes how it ended. */
  #endOfLine(at: number): number {
    if (this.#body.startsWith('\r\n', at)) {
      this.#flags.sawCrlf = true;
      return at + 2;
    }
    if (this.#body[at] !== '\n') return -1;
    this.#flags.sawLf = true;
    return at + 1;
  }

  #lookBefore(end: number): void {
    if (end === 0) return;
    this.#flags.dataBefore = true;
    const before = this.#body.slice(0, end);
    if (before.startsWith('--') || before.includes('\n--')) this.#flags.unmatchedBoundary = true;
  }

  /** A line that is the boundary but for letter case. */
  #lookInside(start: number, end: number): void {
    const body = this.#body;
    const wanted = this.#delimiter.toLowerCase();
    for (let at = body.indexOf('\n--', start - 1); at >= 0 && at < end - 1; at = body.indexOf('\n--', at + 1))
      if (body.slice(at + 1, at + 1 + wanted.length).toLowerCase() === wanted && at + 1 !== end)
        this.#flags.unmatchedBoundary = true;
  }

  /** One part: between the lines of two boundaries, or (not closed) up to the end of the body. */
  #part(start: number, end: number, isClosed: boolean): boolean {
    if (++this.#parts > this.#limits.maxArguments)
      return this.#fail(`more than ${this.#limits.maxArguments} parts`);
    const headers: string[] = [];
    const content = this.#headers(start, end, headers);
    if (content < 0) return false;
    const disposition = this.#disposition(headers);
    if (disposition === null) {
      this.#flags.invalidPart = true;
      return this.#fail('a part has no Content-Disposition of the usual form');
    }
    const { name, filename } = disposition;
    for (const header of headers) this.#builder.partHeaders.push({ part: name, line: header });
    const last = isClosed ? this.#beforeLineEnd(end) : end;
    if (last < content) {
      this.#flags.invalidPart = true;
      return this.#fail('a part ends within its headers');
    }
    const text = this.#body.slice(content, last);
    if (filename === null || filename === '') {
      if (this.#builder.add(name, text)) return true;
      this.#flags.hasError = true;
      return false;
    }
    return this.#file({ field: name, filename, size: text.length, content: text });
  }

  /** The end of line before a boundary belongs to the boundary. */
  #beforeLineEnd(end: number): number {
    if (this.#body.charCodeAt(end - 2) === 13) {
      this.#flags.sawCrlf = true;
      return end - 2;
    }
    this.#flags.sawLf = true;
    return end - 1;
  }

  #file(file: BodyFile): boolean {
    if (this.#builder.files.length >= MAX_FILES) {
      this.#flags.fileLimitExceeded = true;
      return this.#fail(`more than ${MAX_FILES} files`);
    }
    this.#builder.files.push(file);
    return true;
  }

  /** Reads the header lines of a part; gives where its content begins, or -1 after an error. */
  #headers(start: number, end: number, into: string[]): number {
    const body = this.#body;
    for (let at = start; at < end; ) {
      let stop = body.indexOf('\n', at);
      if (stop < 0 || stop >= end) break;
      const next = stop + 1;
      if (body.charCodeAt(stop - 1) === 13 && stop > at) {
        stop--;
        this.#flags.sawCrlf = true;
      } else this.#flags.sawLf = true;
      if (stop === at) return next;
      const line = body.slice(at, stop);
      at = next;
      if (!this.#headerLine(line, into)) return -1;
    }
    this.#flags.invalidPart = true;
    this.#fail('a part ends within its headers');
    return -1;
  }

  #headerLine(line: string, into: string[]): boolean {
    if (line.includes('\0') || line.includes('\r')) {
      this.#flags.invalidPart = true;
      return this.#fail('a header of a part holds NUL or a lone CR');
    }
    const isFolded = line[0] === ' ' || line[0] === '\t';
    if (isFolded) {
      this.#flags.headerFolding = true;
      if (into.length === 0) {
        this.#flags.invalidHeaderFolding = true;
        return this.#fail('the first header of a part is folded');
      }
      into[into.length - 1] += ` ${line.replace(/^[ \t]+/, '')}`;
    } else if (line.indexOf(':') <= 0) return this.#fail('a header of a part has no name');
    else into.push(line);
    if (into.length > MAX_HEADERS) return this.#fail(`a part has more than ${MAX_HEADERS} headers`);
    if (into.at(-1)!.length > MAX_HEADER_BYTES)
      return this.#fail(`a header of a part is longer than ${MAX_HEADER_BYTES} bytes`);
    return true;
  }

  /** Name and filename that the one Content-Disposition gives, or null. */
  #disposition(headers: readonly string[]): { name: string; filename: string | null } | null {
    const named = headers.filter((header) => /^content-disposition[ \t]*:/i.test(header));
    if (named.length !== 1) return null;
    const line = named[0]!;
    const start = /^[^:]*:[ \t]*form-data[ \t]*/.exec(line);
    if (start === null) return null;
    let at = start[0].length;
    let name: string | null = null;
    let filename: string | null = null;
    while (at < line.length) {
      const parameter = /;[ \t]*([A-Za-z]+)[ \t]*=[ \t]*/y;
      parameter.lastIndex = at;
      const found = parameter.exec(line);
      if (found === null) return null;
      at = parameter.lastIndex;
      const read = this.#value(line, at);
      if (read === null) return null;
      at = read.end;
      if (found[1] === 'name' && name === null) name = read.value;
      else if (found[1] === 'filename' && filename === null) filename = read.value;
      else return null;
    }
    return name === null || name === '' ? null : { name, filename };
  }

  /** The value of a parameter at `at`: quoted, or up to a semicolon. Space behind it is stepped over. */
  #value(line: string, at: number): { value: string; end: number } | null {
    const quote = line[at];
    if (quote === '"' || quote === "'") {
      if (quote === "'") this.#flags.invalidQuoting = true;
      const pattern = quote === '"' ? /"((?:[^"\\]|\\[\s\S])*)"[ \t]*/y : /'((?:[^'\\]|\\[\s\S])*)'[ \t]*/y;
      pattern.lastIndex = at;
      const found = pattern.exec(line);
      if (found === null || !(pattern.lastIndex >= line.length || line[pattern.lastIndex] === ';')) {
        this.#flags.invalidQuoting = true;
        return null;
      }
      return { value: found[1]!.replace(/\\(["'\\])/g, '$1'), end: pattern.lastIndex };
    }
    const pattern = /([^; \t"]+)[ \t]*/y;
    pattern.lastIndex = at;
    const found = pattern.exec(line);
    if (found === null) return null;
    if (found[1]!.includes("'")) this.#flags.invalidQuoting = true;
    return { value: found[1]!, end: pattern.lastIndex };
  }

  #fail(message: string): false {
    this.#flags.hasError = true;
    return this.#builder.fail(`Multipart: ${message}`);
  }
}
