// What our decoder makes of the bytes of one connection from a client, in the shape that it is compared in with
// Node's parser (node-reading.ts).
import { RequestDecoder, type RequestHead } from '../../src/http/h1/index.ts';

export interface OurRequest {
  readonly head: RequestHead;
  body: Buffer;
  complete: boolean;
  trailers: readonly (readonly [string, string])[];
}

export interface OurReading {
  readonly requests: readonly OurRequest[];
  /** Code of the error that ended the connection; null when there was none. */
  readonly error: string | null;
  /** Every byte was part of a complete request. */
  readonly finished: boolean;
}

/** Decodes `bytes`, cut at the ascending offsets `cuts`. */
export function readAsGate(bytes: Uint8Array, cuts: readonly number[] = []): OurReading {
  const decoder = new RequestDecoder();
  const requests: OurRequest[] = [];
  let error: string | null = null;
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    for (const event of decoder.feed(bytes.subarray(from, to))) {
      const current = requests.at(-1);
      if (event.kind === 'head') {
        requests.push({ head: event.head, body: Buffer.alloc(0), complete: false, trailers: [] });
      } else if (event.kind === 'error') {
        error = event.code;
      } else if (event.kind === 'data') {
        current!.body = Buffer.concat([current!.body, event.bytes]);
      } else {
        current!.complete = true;
        current!.trailers = event.trailers;
      }
    }
    from = to;
  }
  const finished = error === null && decoder.finish().every((event) => event.kind !== 'error');
  return { requests, error, finished };
}
