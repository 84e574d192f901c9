// Sockets to endpoints, plain or TLS, and the limits of what comes over them.
import { connect, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
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
  tls: ConnectionOptions,
): Socket {
  return endpoint.tls ? connectSecure(endpoint, protocols, reader, tls) : connectPlain(endpoint, reader);
}

function connectPlain(endpoint: Endpoint, reader: ByteReader): Socket {
  const { address, port } = endpoint;
  return connect({
    ...(endpoint.isSocketPath ? { path: address } : { host: address, port }),
    onread: {
      buffer: sharedReadBuffer,
      callback: (length: number) => {
        reader.onBytes(sharedReadBuffer, length);
        return true;
      },
    },
  });
}

function connectSecure(
  endpoint: Endpoint,
  protocols: readonly string[],
  reader: ByteReader,
  tls: ConnectionOptions,
): Socket {
  const socket = connectTls({
    ...tls,
    host: endpoint.address,
    port: endpoint.port,
    // SNI has no addresses (RFC 6066 section 3); the certificate is compared with `host` then.
    servername: tls.servername ?? (isIP(endpoint.serverName) === 0 ? endpoint.serverName : ''),
    ALPNProtocols: [...protocols],
  });
  socket.on('data', (chunk: Buffer) => reader.onBytes(chunk, chunk.length));
  return socket;
}
