// Whole-connection decoders: bytes in, events out. The relay drives the same head parser and body decoder
// itself to save the event objects; these serve tests, tools and users of `gatewright/http/h1`.
import type { ErrorCode } from '../../core/index.ts';
import { parseTarget, TargetParts } from '../uri/index.ts';
import { BodyDecoder, type BodySink } from './body.ts';
import { HeadBuffer } from './head-buffer.ts';
import { defaultHeadLimits, type HeadLimits } from './limits.ts';
import { parseRequestHead, RequestHead } from './request-head.ts';
import { parseResponseHead, ResponseHead } from './response-head.ts';

export type H1Event<Head> =
  | { readonly kind: 'head'; readonly head: Head }
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  | { readonly kind: 'end'; readonly trailers: readonly (readonly [string, string])[] }
  | { readonly kind: 'error'; readonly code: ErrorCode };

abstract class Decoder<Head extends { contentLength: number; keepAlive: boolean }> implements BodySink {
  #inBody = false;
  #closed = false;
  #events: H1Event<Head>[] = [];
  readonly #buffer: HeadBuffer;
  readonly #body: BodyDecoder;
  #keepAlive = true;

  constructor(limits: HeadLimits, guardChunks: boolean) {
    this.#buffer = new HeadBuffer(limits.maxHeadBytes);
    this.#body = new BodyDecoder(guardChunks);
  }

  /** Parses one head; an error code ends the connection. */
  protected abstract parseHead(text: string): Head | ErrorCode;

  /** Whether this head ends HTTP on the connection (a 101 answer). */
  protected abstract switches(head: Head): boolean;

  /** Decodes `bytes`; after an error event nothing more is decoded. */
  feed(bytes: Uint8Array): readonly H1Event<Head>[] {
    this.#events = [];
    let at = 0;
    while (at < bytes.length && !this.#closed) {
      if (this.#inBody) {
        at = this.#body.run(bytes, at, bytes.length, this);
        this.#afterBody();
        continue;
      }
      if (!this.#keepAlive) return this.#end('request-malformed');
      at = this.#buffer.feed(bytes, at, bytes.length);
      if (this.#buffer.tooLarge) return this.#end('request-head-too-large');
      if (this.#buffer.malformed) return this.#end('request-malformed');
      if (!this.#buffer.complete) break;
      const head = this.parseHead(this.#buffer.take());
      if (typeof head === 'string') return this.#end(head);
      this.#events.push({ kind: 'head', head });
      if (this.switches(head)) {
        this.#closed = true;
        break;
      }
      this.#keepAlive = head.keepAlive;
      this.#body.reset(head.contentLength);
      this.#inBody = true;
      this.#afterBody();
    }
    return this.#events;
  }

  /** The connection ended. An unfinished message gives an error event. */
  finish(): readonly H1Event<Head>[] {
    this.#events = [];
    if (this.#closed) return this.#events;
    if (this.#inBody) {
      if (!this.#body.finish()) return this.#end('request-aborted');
      this.#afterBody();
    } else if (!this.#buffer.empty) {
      return this.#end('request-aborted');
    }
    this.#closed = true;
    return this.#events;
  }

  onBodyData(bytes: Uint8Array, start: number, end: number): void {
    this.#events.push({ kind: 'data', bytes: bytes.slice(start, end) });
  }

  #afterBody(): void {
    if (this.#body.failed) {
      this.#end('request-malformed');
    } else if (this.#body.done) {
      this.#inBody = false;
      const { names, values } = this.#body.trailers;
      this.#events.push({ kind: 'end', trailers: names.map((name, i) => [name, values[i]!] as const) });
    }
  }

  #end(code: ErrorCode): readonly H1Event<Head>[] {
    this.#closed = true;
    this.#events.push({ kind: 'error', code });
    return this.#events;
  }
}

/** Decodes the requests of one connection. Targets that are neither a path, nor an http(s) URL, nor `*` are refused. */
export class RequestDecoder extends Decoder<RequestHead> {
  readonly #limits: HeadLimits;
  readonly #target = new TargetParts();

  constructor(limits: HeadLimits = defaultHeadLimits) {
    super(limits, true);
    this.#limits = limits;
  }

  protected override parseHead(text: string): RequestHead | ErrorCode {
    const head = new RequestHead();
    const problem = parseRequestHead(text, head, this.#limits) ?? parseTarget(head.target, this.#target);
    if (problem !== null) return problem;
    return this.#target.form === 'authority' ? 'request-malformed' : head;
  }

  protected override switches(): boolean {
    return false;
  }
}

/** Decodes the responses of one connection; `methods` are those of the requests, in order, `GET` when they run out. */
export class ResponseDecoder extends Decoder<ResponseHead> {
  readonly #limits: HeadLimits;
  readonly #methods: string[];

  constructor(methods: readonly string[] = [], limits: HeadLimits = defaultHeadLimits) {
    super(limits, false);
    this.#limits = limits;
    this.#methods = [...methods];
  }

  /** A request with this method was sent; its response follows those expected before. */
  expect(method: string): void {
    this.#methods.push(method);
  }

  protected override parseHead(text: string): ResponseHead | ErrorCode {
    const head = new ResponseHead();
    const method = this.#methods[0] ?? 'GET';
    if (!parseResponseHead(text, head, method, this.#limits)) return 'upstream-response-invalid';
    if (head.status >= 200) this.#methods.shift();
    return head;
  }

  protected override switches(head: ResponseHead): boolean {
    return head.status === 101;
  }
}
