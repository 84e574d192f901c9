// From decoded fields to a request head, with the rules of RFC 9113 section 8 that keep an HTTP/2 message from turning
// into something else on its way to HTTP/1: no connection fields, no second Host, no upper case, no line breaks. HOT
import type { ErrorCode } from '../../core/index.ts';
import { FieldRole, isPassableMethod, isTarget, RequestHead } from '../h1/index.ts';
import type { FieldSink } from './hpack-decoder.ts';
import { EntryKind, type HpackEntry } from './hpack-table.ts';

const digits = /^[0-9]{1,15}$/;

export interface H2Limits {
  /** Bytes of names and values together, as the protocol counts them (RFC 9113 section 6.5.2). */
  readonly maxHeadBytes: number;
  readonly maxFields: number;
  /** Bytes of the path and query. */
  readonly maxTargetBytes: number;
}

/** Collects one field section. */
export class FieldCollector implements FieldSink {
  head = new RequestHead();
  scheme = '';
  status = '';
  /** Malformed: the stream is reset. */
  malformed = false;
  /** Well formed, but not to be served: the stream is answered with this. */
  problem: ErrorCode | null = null;
  #limits: H2Limits;
  #isTrailer = false;
  #isResponse = false;
  #regularSeen = false;
  #hasPath = false;
  #hasAuthority = false;
  #host = '';
  #hasHost = false;
  #size = 0;
  #contentLength = -1;
  #cookieAt = -1;

  constructor(limits: H2Limits) {
    this.#limits = limits;
  }

  begin(isTrailer: boolean, isResponse: boolean): void {
    this.head = new RequestHead();
    this.scheme = '';
    this.status = '';
    this.malformed = false;
    this.problem = null;
    this.#isTrailer = isTrailer;
    this.#isResponse = isResponse;
    this.#regularSeen = false;
    this.#hasPath = false;
    this.#hasAuthority = false;
    this.#host = '';
    this.#hasHost = false;
    this.#size = 0;
    this.#contentLength = -1;
    this.#cookieAt = -1;
  }

  /** Announced length of the body, -1 when there was none. */
  get contentLength(): number {
    return this.#contentLength;
  }

  onField(entry: HpackEntry): void {
    this.#size += entry.size;
    // Beyond the limit the block is decoded on, so that the table stays in step, but nothing more is kept.
    if (this.#size > this.#limits.maxHeadBytes || this.head.fields.length >= this.#limits.maxFields) {
      this.problem = 'request-head-too-large';
      return;
    }
    if (entry.kind !== EntryKind.regular) {
      this.#takePseudo(entry);
      return;
    }
    this.#regularSeen = true;
    const field = entry.field!;
    const { fields } = this.head;
    if (entry.name.indexOf('_') !== -1 && !this.#isResponse) {
      this.problem ??= 'request-malformed';
      return;
    }
    if (this.#isTrailer) {
      if (!field.protected) fields.append(entry.name, entry.value);
      // Trailers of an answer that would mean something elsewhere are dropped; in a request they are an attempt.
      else if (!this.#isResponse) this.malformed = true;
      return;
    }
    if (field.role === FieldRole.ordinary) {
      if (entry.name === 'cookie') this.#takeCookie(entry.value);
      else fields.append(entry.name, entry.value);
      return;
    }
    this.#takeSpecial(entry, field.role);
  }

  #takePseudo(entry: HpackEntry): void {
    if (this.#regularSeen || this.#isTrailer) {
      this.malformed = true;
      return;
    }
    const { head } = this;
    const isRequestField = entry.kind !== EntryKind.status;
    if (entry.kind === EntryKind.invalid || isRequestField === this.#isResponse) {
      this.malformed = true;
      return;
    }
    switch (entry.kind) {
      case EntryKind.method:
        if (head.method !== '') this.malformed = true;
        head.method = entry.value;
        break;
      case EntryKind.scheme:
        if (this.scheme !== '') this.malformed = true;
        this.scheme = entry.value;
        break;
      case EntryKind.authority:
        if (this.#hasAuthority) this.malformed = true;
        this.#hasAuthority = true;
        head.host = entry.value;
        break;
      case EntryKind.path:
        if (this.#hasPath) this.malformed = true;
        this.#hasPath = true;
        head.target = entry.value;
        break;
      default:
        if (this.status !== '') this.malformed = true;
        this.status = entry.value;
    }
  }

  /** Cookies may come in crumbs (RFC 9113 section 8.2.3). */
  #takeCookie(value: string): void {
    const { fields } = this.head;
    if (this.#cookieAt === -1) {
      this.#cookieAt = fields.length;
      fields.append('cookie', value);
    } else fields.values[this.#cookieAt] += '; ' + value;
  }

  #takeSpecial(entry: HpackEntry, role: number): void {
    const { head } = this;
    const { fields } = head;
    switch (role) {
      case FieldRole.host:
        if (this.#hasHost) this.malformed = true;
        this.#hasHost = true;
        this.#host = entry.value;
        return;
      case FieldRole.contentLength:
        if (this.#contentLength !== -1 || !digits.test(entry.value)) this.malformed = true;
        else this.#contentLength = Number(entry.value);
        return;
      case FieldRole.expect:
        if (head.framing.expect !== '') this.malformed = true;
        head.framing.expect = entry.value.toLowerCase();
        return;
      case FieldRole.singleton:
        if (!this.#isResponse && fields.has(entry.name)) {
          this.problem ??= entry.name === 'authorization' ? 'credentials-ambiguous' : 'request-malformed';
          return;
        }
        fields.append(entry.name, entry.value);
        return;
      case FieldRole.forwarding:
        head.framing.hasForwarding = true;
        fields.append(entry.name, entry.value);
        return;
      case FieldRole.trace:
        head.framing.hasTrace = true;
        fields.append(entry.name, entry.value);
        return;
      case FieldRole.hopByHop:
        if (entry.name === 'te' && entry.value === 'trailers') head.wantsTrailers = true;
        else if (entry.name === 'te' || entry.name === 'keep-alive') this.malformed = true;
        return;
      default:
        // Connection, Transfer-Encoding, Upgrade, Proxy-Connection: fields of HTTP/1 connections.
        this.malformed = true;
    }
  }

  /** Checks what only the whole section shows; call once after a request's fields. */
  finishRequest(endStream: boolean): void {
    const { head } = this;
    if (this.malformed || this.problem !== null) return;
    if (head.method !== '' && !isPassableMethod(head.method)) {
      this.problem = 'request-method-unsupported';
      return;
    }
    if (head.target.length > this.#limits.maxTargetBytes) {
      this.problem = 'request-target-too-long';
      return;
    }
    if (head.method === '' || this.scheme === '' || head.target === '') {
      this.malformed = true;
      return;
    }
    if (this.scheme !== 'https' && this.scheme !== 'http') {
      this.malformed = true;
      return;
    }
    if (!isTarget(head.target)) {
      this.malformed = true;
      return;
    }
    if (head.target.charCodeAt(0) !== 47 && !(head.target === '*' && head.method === 'OPTIONS')) {
      this.malformed = true;
      return;
    }
    if (this.#hasHost) {
      if (this.#hasAuthority && this.#host.toLowerCase() !== head.host.toLowerCase()) {
        this.problem = 'request-host-invalid';
        return;
      }
      head.host = this.#host;
    }
    if (head.host === '') {
      this.problem = 'request-host-invalid';
      return;
    }
    if (head.framing.expect !== '' && head.framing.expect !== '100-continue') {
      this.problem = 'expectation-unsupported';
      return;
    }
    if (endStream && this.#contentLength > 0) {
      this.malformed = true;
      return;
    }
    head.minor = 1;
    head.keepAlive = true;
    head.expectContinue = head.framing.expect !== '' && !endStream;
    head.contentLength = endStream ? 0 : this.#contentLength;
  }
}
