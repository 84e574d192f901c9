// An open WebSocket between a client and the service: both directions keep the rules of framing, sizes and rates, guards
// judge messages where they ask to, and who breaks a rule is told by a close code. HOT
import { type Exchange, type GuardName, Refusal } from '../../exchange/index.ts';
import type { FieldList } from '../../http/fields/index.ts';
import { CloseCode, encodeClose, WebSocketCollector, WebSocketMonitor } from '../../http/websocket/index.ts';
import { runOnMessage } from '../../pipeline/index.ts';
import type { RouteEntry } from './route.ts';

/** Why a tunnel ends before its time, and what both ends are told. */
export interface TunnelEnd {
  readonly code: number;
  readonly refusal: Refusal;
}

export interface TunnelSinks {
  toClient(bytes: Buffer): void;
  toService(bytes: Buffer): void;
}

export class Tunnel {
  readonly #exchange: Exchange;
  readonly #route: RouteEntry;
  readonly #sinks: TunnelSinks;
  readonly #client: WebSocketMonitor;
  readonly #service: WebSocketMonitor;
  /** Collect messages for the guards; null where no guard judges them. */
  readonly #fromClient: WebSocketCollector | null;
  readonly #fromService: WebSocketCollector | null;
  #refusal: Refusal | null = null;

  /** `answer`: the fields of the 101 answer, which say what compression was agreed. */
  constructor(exchange: Exchange, route: RouteEntry, answer: FieldList, sinks: TunnelSinks) {
    this.#exchange = exchange;
    this.#route = route;
    this.#sinks = sinks;
    const limits = route.websocket!;
    const compression = answer.has('sec-websocket-extensions');
    this.#client = new WebSocketMonitor('client', limits, compression);
    // A service may send as often as it likes.
    this.#service = new WebSocketMonitor('server', { ...limits, maxMessagesPerSecond: 0 }, compression);
    const judged = route.pipeline.onMessage.length > 0;
    this.#fromClient = judged
      ? new WebSocketCollector({
          onPass: (bytes) => this.#sinks.toService(bytes),
          onMessage: (payload, isText) => this.#judge(payload, isText, true),
        })
      : null;
    this.#fromService = judged
      ? new WebSocketCollector({
          onPass: (bytes) => this.#sinks.toClient(bytes),
          onMessage: (payload, isText) => this.#judge(payload, isText, false),
        })
      : null;
  }

  #judge(payload: Buffer, isText: boolean, fromClient: boolean): boolean {
    this.#refusal = runOnMessage(this.#route.pipeline, this.#exchange, payload, isText, fromClient);
    return this.#refusal === null;
  }

  /** Passes on what the client sent; null, or why the tunnel must end. */
  onClient(bytes: Buffer, start: number, end: number, nowMs: number): TunnelEnd | null {
    const code = this.#client.run(bytes, start, end, nowMs);
    if (code !== 0) return violation(code, 'codec');
    this.#exchange.requestBytes += end - start;
    if (this.#fromClient === null) this.#sinks.toService(Buffer.from(bytes.subarray(start, end)));
    else if (!this.#fromClient.run(bytes, start, end)) return this.#refused();
    return null;
  }

  /** Passes on what the service sent; null, or why the tunnel must end. */
  onService(bytes: Buffer, start: number, end: number, nowMs: number): TunnelEnd | null {
    const code = this.#service.run(bytes, start, end, nowMs);
    if (code !== 0) return violation(code, 'upstream');
    this.#exchange.responseBytes += end - start;
    if (this.#fromService === null) this.#sinks.toClient(Buffer.from(bytes.subarray(start, end)));
    else if (!this.#fromService.run(bytes, start, end)) return this.#refused();
    return null;
  }

  #refused(): TunnelEnd {
    const refusal = this.#refusal!;
    const isOurs = refusal.code === 'guard-failed';
    return { code: isOurs ? CloseCode.internalError : CloseCode.policyViolation, refusal };
  }

  /**
   * A Close frame for the client, or null where it would not be understood: a frame of the service is under way, or one
   * has passed already. What guards hold back was not sent, so that nothing is under way.
   */
  closeForClient(code: number): Buffer | null {
    const isBetween = this.#fromService !== null || this.#service.betweenFrames;
    return isBetween && !this.#service.closed ? encodeClose(code, false) : null;
  }

  closeForService(code: number): Buffer | null {
    const isBetween = this.#fromClient !== null || this.#client.betweenFrames;
    return isBetween && !this.#client.closed ? encodeClose(code, true) : null;
  }
}

const violation = (code: number, guard: GuardName): TunnelEnd => ({
  code,
  refusal: new Refusal('websocket-violation', guard, `close-${code}`),
});
