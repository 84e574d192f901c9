// Sockets to endpoints, plain or TLS, and the limits of what comes over them.
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { defaultHeadLimits, type HeadLimits } from '../../http/h1/index.ts';
import { type ByteReader, sharedReadBuffer } from '../../net/index.ts';
import type { Endpoint } from '../upstream/index.ts';

/** Answers may carry larger heads than requests: cookies and policies add up. */
export const responseLimits: HeadLimits = { ...defaultHeadLimits, maxHeadBytes: 65_536, maxFields: 200 };

/** Begins to connect; `connect`, or `secureConnect` where the endpoint speaks TLS, tells when it is done. */
export function connectUpstream(
  endpoint: Endpoint,
  protocols: readonly string[],
  reader: ByteReader,
): Socket {
  return endpoint.tls ? connectSecure(endpoint, protocols, reader) : connectPlain(endpoint, reader);
}

function connectPlain(endpoint: Endpoint, reader: ByteReader): Socket {
  return connect({
    host: endpoint.address,
    port: endpoint.port,
    onread: {
      buffer: sharedReadBuffer,
      callback: (length: number) => {
        reader.onBytes(sharedReadBuffer, length);
        return true;
      },
    },
  });
}

function connectSecure(endpoint: Endpoint, protocols: readonly string[], reader: ByteReader): Socket {
  const socket = connectTls({
    host: endpoint.address,
    port: endpoint.port,
    servername: endpoint.serverName,
    minVersion: 'TLSv1.2',
    ALPNProtocols: [...protocols],
  });
  socket.on('data', (chunk: Buffer) => reader.onBytes(chunk, chunk.length));
  return socket;
}
