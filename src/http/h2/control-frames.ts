// Frames that carry no message: settings, windows, resets, pings, farewells (RFC 9113 sections 6.3 to 6.9). Each that
// brings nothing is paid for out of the connection's account.
import { Cost } from './calm.ts';
import type { ConnectionState } from './connection-state.ts';
import {
  Flag,
  FrameType,
  frameHeader,
  H2Code,
  MAX_FRAME_BYTES,
  MAX_WINDOW_BYTES,
  SETTINGS_ACK,
  Setting,
} from './frames.ts';

export class ControlFrames {
  /** The peer's first SETTINGS came. */
  settingsSeen = false;
  readonly #state: ConnectionState;

  constructor(state: ConnectionState) {
    this.#state = state;
  }

  onFrame(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    switch (type) {
      case FrameType.settings:
        return this.#onSettings(flags, id, bytes, start, end);
      case FrameType.windowUpdate:
        return this.#onWindowUpdate(id, bytes, start, end);
      case FrameType.rstStream:
        return this.#onRstStream(id, bytes, start, end);
      case FrameType.ping:
        return this.#onPing(flags, id, bytes, start, end);
      case FrameType.goaway:
        return this.#onGoaway(id, bytes, start, end);
      case FrameType.priority:
        if (id === 0) return this.#state.fail(H2Code.protocolError, 'PRIORITY on stream 0');
        if (end - start !== 5) return this.#state.fail(H2Code.frameSizeError, 'PRIORITY');
        return this.#state.spend(Cost.idle);
      case FrameType.pushPromise:
        return this.#state.fail(H2Code.protocolError, 'PUSH_PROMISE');
      default:
        return this.#state.spend(Cost.idle);
    }
  }

  #onSettings(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    const state = this.#state;
    if (id !== 0) return state.fail(H2Code.protocolError, 'SETTINGS on a stream');
    const size = end - start;
    if ((flags & Flag.ack) !== 0) {
      if (size !== 0) state.fail(H2Code.frameSizeError, 'SETTINGS');
      return;
    }
    if (size % 6 !== 0) return state.fail(H2Code.frameSizeError, 'SETTINGS');
    if (this.settingsSeen) state.spend(Cost.idle);
    this.settingsSeen = true;
    for (let at = start; at < end; at += 6) {
      const problem = this.#takeSetting(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2));
      if (problem !== 0) return state.fail(problem, 'SETTINGS');
    }
    state.addControl(SETTINGS_ACK);
    this.#sendPending();
  }

  /** Takes one setting; 0, or the error it makes. */
  #takeSetting(id: number, value: number): number {
    const state = this.#state;
    const { writer } = state;
    switch (id) {
      case Setting.headerTableSize:
        writer.encoder.setMaxSize(value);
        return 0;
      case Setting.enablePush:
        return value > 1 || (!state.isServer && value === 1) ? H2Code.protocolError : 0;
      case Setting.maxConcurrentStreams:
        state.peerMaxStreams = value;
        return 0;
      case Setting.initialWindowSize: {
        if (value > MAX_WINDOW_BYTES) return H2Code.flowControlError;
        const change = value - writer.peerWindow;
        writer.peerWindow = value;
        for (const stream of state.table.open.values()) {
          stream.sendWindow += change;
          if (stream.sendWindow > MAX_WINDOW_BYTES) return H2Code.flowControlError;
        }
        return 0;
      }
      case Setting.maxFrameSize:
        return value < MAX_FRAME_BYTES || value > 16_777_215 ? H2Code.protocolError : 0;
      default:
        return 0;
    }
  }

  #onWindowUpdate(id: number, bytes: Buffer, start: number, end: number): void {
    const state = this.#state;
    if (end - start !== 4) return state.fail(H2Code.frameSizeError, 'WINDOW_UPDATE');
    const increment = bytes.readUInt32BE(start) & 0x7fffffff;
    if (id === 0) {
      if (increment === 0) return state.fail(H2Code.protocolError, 'WINDOW_UPDATE of 0');
      if (!state.writer.widen(increment)) return state.fail(H2Code.flowControlError, 'connection window');
    } else {
      const stream = state.table.open.get(id);
      if (stream === undefined) {
        if (!state.table.isKnown(id)) state.fail(H2Code.protocolError, 'WINDOW_UPDATE on an idle stream');
        return state.spend(Cost.idle);
      }
      if (increment === 0) return state.resetByError(stream, H2Code.protocolError);
      if (stream.sendWindow + increment > MAX_WINDOW_BYTES) {
        return state.resetByError(stream, H2Code.flowControlError);
      }
      stream.sendWindow += increment;
    }
    this.#pay();
    this.#sendPending();
  }

  /** Frames that answer data we sent are free. */
  #pay(): void {
    if (!this.#state.writer.payAnswer()) this.#state.spend(Cost.idle);
  }

  #sendPending(): void {
    if (this.#state.failed === null) this.#state.writer.sendPending();
  }

  #onRstStream(id: number, bytes: Buffer, start: number, end: number): void {
    const state = this.#state;
    if (end - start !== 4) return state.fail(H2Code.frameSizeError, 'RST_STREAM');
    if (id === 0 || !state.table.isKnown(id)) return state.fail(H2Code.protocolError, 'RST_STREAM');
    const stream = state.table.open.get(id);
    if (stream === undefined) return state.spend(Cost.idle);
    state.spend(Cost.reset);
    state.close(stream);
    state.handler.onReset(stream, bytes.readUInt32BE(start), true);
  }

  #onPing(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    const state = this.#state;
    if (id !== 0) return state.fail(H2Code.protocolError, 'PING on a stream');
    if (end - start !== 8) return state.fail(H2Code.frameSizeError, 'PING');
    if ((flags & Flag.ack) !== 0) return;
    // Readers that measure their path (gRPC does) ping once for each flight of data.
    this.#pay();
    state.addControl(frameHeader(8, FrameType.ping, Flag.ack, 0) + bytes.toString('latin1', start, end));
  }

  #onGoaway(id: number, bytes: Buffer, start: number, end: number): void {
    const state = this.#state;
    if (id !== 0) return state.fail(H2Code.protocolError, 'GOAWAY on a stream');
    if (end - start < 8) return state.fail(H2Code.frameSizeError, 'GOAWAY');
    if (state.goingAway) state.spend(Cost.idle);
    state.goingAway = true;
    state.handler.onGoaway(bytes.readUInt32BE(start) & 0x7fffffff, bytes.readUInt32BE(start + 4));
  }
}
