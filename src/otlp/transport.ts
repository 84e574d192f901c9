// What a receiver is to a sender: something that takes an encoded request, and says whether it took it, wants it again, or never.

import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { OtlpConfig } from './contract.ts';
import { type Signal, type SignalShape, signals } from './messages.ts';
import { decodeMessage, encodeMessage } from './protobuf.ts';

export type Outcome =
  /** `rejected` of the items the receiver will not keep (partial success); `message` says why, or is a warning. */
  | { readonly kind: 'taken'; readonly rejected: number; readonly message: string }
  /** Not before `afterMs`, or when the sender likes where it is 0. */
  | { readonly kind: 'again'; readonly afterMs: number; readonly problem: string }
  | { readonly kind: 'never'; readonly problem: string };

export interface Transport {
  /** `body` is the encoded request, not compressed. Never rejects. */
  send(signal: Signal, body: Buffer): Promise<Outcome>;
  close(): void;
}

/** Longest pause that a receiver may ask for, ms. */
export const MAX_RETRY_AFTER_MS = 600_000;
/** Texts of receivers end up in the gate's log. */
const MAX_MESSAGE = 200;

export const shorten = (text: string): string => text.slice(0, MAX_MESSAGE);

const gzipAsync = promisify(gzip);
export const compress = (body: Buffer): Promise<Buffer> => gzipAsync(body, { level: 3 });

/** The request as the protocol wants it: 64-bit integers are text in JSON, ids stay hexadecimal (OTLP 1.x, JSON encoding). */
export function encodeRequest(protocol: OtlpConfig['protocol'], signal: Signal, request: object): Buffer {
  if (protocol === 'http/json') return Buffer.from(JSON.stringify(request, jsonMember));
  return encodeMessage(signals[signal].request, request);
}

const jsonMember = (name: string, value: unknown): unknown =>
  typeof value === 'bigint' || name === 'intValue' ? String(value) : value;

/** What an answer says of the items; an answer that can not be read has taken them all. */
export function takenOf(shape: SignalShape, answer: Buffer, isJson: boolean): Outcome {
  const read = isJson ? parseJson(answer) : decodeMessage(shape.response, answer);
  const partial = read?.['partialSuccess'];
  if (typeof partial !== 'object' || partial === null) return { kind: 'taken', rejected: 0, message: '' };
  const { [shape.rejected]: count, errorMessage } = partial as Record<string, unknown>;
  const rejected = Number(count ?? 0);
  return {
    kind: 'taken',
    rejected: Number.isSafeInteger(rejected) && rejected > 0 ? rejected : 0,
    message: typeof errorMessage === 'string' ? shorten(errorMessage) : '',
  };
}

export function parseJson(bytes: Buffer): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
