// The attacks on HTTP/2 that end a connection: what each sends, and with which code the gate must answer.
import {
  encodeGoaway,
  encodeRstStream,
  encodeSettings,
  encodeWindowUpdate,
  Flag,
  FrameType,
  frameHeader,
  H2Code,
  Setting,
  uint32,
} from '../../src/http/h2/frames.ts';
import { block, data, type FrameClient, frame, headers, usual } from './h2-frames.ts';

const { enhanceYourCalm, protocolError, frameSizeError, streamClosed } = H2Code;
/** More than any account or limit lets pass. */
export const MANY = 200_000;

export interface Attack {
  readonly name: string;
  readonly code: number;
  /** Sends it; answers how many pieces were sent. */
  readonly run: (client: FrameClient) => Promise<number>;
  /** Most requests that may have reached the upstream. */
  readonly maxRequests?: number;
}

export const id = (i: number): number => 1 + 2 * i;
export const openPost = headers(1, usual('/things', 'POST'), false);

export const attacks: readonly Attack[] = [
  {
    name: 'rapid reset (CVE-2023-44487)',
    code: enhanceYourCalm,
    maxRequests: 700,
    run: (client) =>
      client.flood(MANY, (i) => headers(id(i), usual()) + encodeRstStream(id(i), H2Code.cancel)),
  },
  {
    name: 'MadeYouReset by WINDOW_UPDATE of 0 (CVE-2025-8671)',
    code: enhanceYourCalm,
    maxRequests: 700,
    run: (client) => client.flood(MANY, (i) => headers(id(i), usual()) + encodeWindowUpdate(id(i), 0)),
  },
  {
    name: 'MadeYouReset by a window that grows too far',
    code: enhanceYourCalm,
    maxRequests: 700,
    run: (client) =>
      client.flood(MANY, (i) => headers(id(i), usual()) + encodeWindowUpdate(id(i), 0x7fffffff)),
  },
  {
    name: 'MadeYouReset by more body than announced',
    code: enhanceYourCalm,
    maxRequests: 700,
    run: (client) =>
      client.flood(
        MANY,
        (i) =>
          headers(id(i), [...usual('/things', 'POST'), ['content-length', '1']], false) + data(id(i), 'ab'),
      ),
  },
  {
    name: 'MadeYouReset by malformed trailers',
    code: enhanceYourCalm,
    maxRequests: 700,
    run: (client) =>
      client.flood(
        MANY,
        (i) => headers(id(i), usual('/things', 'POST'), false) + headers(id(i), [[':path', '/']]),
      ),
  },
  {
    name: 'requests that are malformed',
    code: enhanceYourCalm,
    maxRequests: 0,
    run: (client) => client.flood(MANY, (i) => headers(id(i), [[':method', 'GET']])),
  },
  {
    name: 'more streams than allowed',
    code: enhanceYourCalm,
    run: (client) => client.flood(MANY, (i) => headers(id(i), usual('/things', 'POST'), false)),
    maxRequests: 0,
  },
  {
    name: 'CONTINUATION flood of empty frames (CVE-2024-27316)',
    code: enhanceYourCalm,
    maxRequests: 0,
    run: async (client) => {
      client.send(frame(FrameType.headers, Flag.endStream, 1, block(usual())));
      return client.flood(MANY, () => frame(FrameType.continuation, 0, 1, ''));
    },
  },
  {
    name: 'CONTINUATION flood of large frames',
    code: enhanceYourCalm,
    maxRequests: 0,
    run: async (client) => {
      client.send(frame(FrameType.headers, Flag.endStream, 1, block(usual())));
      const more = block([['x-more', 'y'.repeat(16_000)]]);
      return client.flood(MANY, () => frame(FrameType.continuation, 0, 1, more));
    },
  },
  {
    name: 'SETTINGS flood (CVE-2019-9515)',
    code: enhanceYourCalm,
    run: (client) => client.flood(MANY, () => encodeSettings([])),
  },
  {
    name: 'SETTINGS flood that changes the table and the windows each time',
    code: enhanceYourCalm,
    run: (client) =>
      client.flood(MANY, (i) =>
        encodeSettings([
          [Setting.headerTableSize, i % 4096],
          [Setting.initialWindowSize, 1000 + (i % 1000)],
        ]),
      ),
  },
  {
    name: 'PING flood (CVE-2019-9512)',
    code: enhanceYourCalm,
    run: (client) => client.flood(MANY, (i) => frame(FrameType.ping, 0, 0, uint32(0) + uint32(i))),
  },
  {
    name: 'PRIORITY flood (CVE-2019-9513)',
    code: enhanceYourCalm,
    run: (client) =>
      client.flood(MANY, (i) => frame(FrameType.priority, 0, id(i % 1000), `${uint32(0)}\x10`)),
  },
  {
    name: 'empty DATA flood (CVE-2019-9518)',
    code: enhanceYourCalm,
    run: async (client) => {
      client.send(openPost);
      return client.flood(MANY, () => data(1, ''));
    },
  },
  {
    name: 'DATA that is all padding',
    code: enhanceYourCalm,
    run: async (client) => {
      client.send(openPost);
      return client.flood(MANY, () => frame(FrameType.data, Flag.padded, 1, '\x00'));
    },
  },
  {
    name: 'WINDOW_UPDATE flood on the connection',
    code: enhanceYourCalm,
    run: (client) => client.flood(MANY, () => encodeWindowUpdate(0, 1)),
  },
  {
    name: 'WINDOW_UPDATE flood on a stream',
    code: enhanceYourCalm,
    run: async (client) => {
      client.send(openPost);
      return client.flood(MANY, () => encodeWindowUpdate(1, 1));
    },
  },
  {
    name: 'flood of frames of unknown types',
    code: enhanceYourCalm,
    run: (client) => client.flood(MANY, (i) => frame(0x20 + (i % 200), 0xff, 0, 'x')),
  },
  {
    name: 'GOAWAY flood',
    code: enhanceYourCalm,
    run: async (client) => {
      client.send(openPost);
      return client.flood(MANY, () => encodeGoaway(0, 0));
    },
  },
  {
    name: 'resets of streams that are over',
    code: enhanceYourCalm,
    run: async (client) => {
      client.send(headers(1, usual()));
      await client.outcome(1);
      return client.flood(MANY, () => encodeRstStream(1, H2Code.cancel));
    },
  },
  {
    name: 'a mixture of everything',
    code: enhanceYourCalm,
    run: (client) =>
      client.flood(MANY, (i) =>
        i % 3 === 0
          ? encodeSettings([])
          : i % 3 === 1
            ? frame(FrameType.ping, 0, 0, '01234567')
            : encodeWindowUpdate(0, 1),
      ),
  },
  {
    name: 'a field block that another frame interrupts',
    code: protocolError,
    maxRequests: 0,
    run: async (client) => {
      client.send(frame(FrameType.headers, 0, 1, block(usual())) + encodeSettings([]));
      return 2;
    },
  },
  {
    name: 'a frame larger than allowed',
    code: frameSizeError,
    run: async (client) => Number(client.send(frameHeader(16_385, FrameType.data, 0, 1))),
  },
  {
    name: 'a request on a stream that is over',
    code: streamClosed,
    run: async (client) => {
      client.send(headers(1, usual()));
      await client.outcome(1);
      client.send(headers(1, usual()));
      return 2;
    },
  },
  {
    name: 'body on a stream that was never opened',
    code: protocolError,
    run: async (client) => Number(client.send(data(77, 'x'))),
  },
  {
    name: 'a stream id of the server',
    code: protocolError,
    maxRequests: 0,
    run: async (client) => Number(client.send(headers(2, usual()))),
  },
  {
    name: 'a push from the client',
    code: protocolError,
    run: async (client) => Number(client.send(frame(FrameType.pushPromise, 4, 1, uint32(2)))),
  },
  {
    name: 'a field block that does not decompress',
    code: H2Code.compressionError,
    maxRequests: 0,
    run: async (client) =>
      Number(client.send(frame(FrameType.headers, 5, 1, '\xff\xff\xff\xff\xff\xff\xff'))),
  },
];
