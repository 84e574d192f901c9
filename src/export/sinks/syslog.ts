// Syslog over TCP or TLS. The protocol has no acknowledgement, and what a socket took may still be lost; so each batch
// has a connection of its own, and counts as taken when the receiver has read to its end and closed as well.
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { SinkTarget } from '../contract.ts';
import { encodeLine, encodeStructured, encodeSyslog, frameSyslog } from '../formats/index.ts';
import { allTaken, type Origin, SendError, type Sink } from '../sink.ts';

type SyslogTarget = Extract<SinkTarget, { kind: 'syslog' }>;

/** Longest time without a sign of life, ms. */
const TIMEOUT_MS = 30_000;

export function syslogSink(target: SyslogTarget, origin: Origin): Sink {
  const open = (): Socket =>
    target.tls === null
      ? connectPlain(target.port, target.host)
      : connectTls({
          host: target.host,
          port: target.port,
          ...(/[^\d.:a-fA-F]/.test(target.host) ? { servername: target.host } : {}),
          minVersion: 'TLSv1.2',
          ...(target.tls.ca === '' ? {} : { ca: target.tls.ca }),
          ...(target.tls.certificate === '' ? {} : { cert: target.tls.certificate, key: target.tls.key }),
        });
  return {
    send(events) {
      const frames = events.map((event) =>
        frameSyslog(
          target.format === 'rfc5424'
            ? encodeStructured(event, origin, target)
            : encodeSyslog(event, origin, target, encodeLine(event, origin, target.format)),
        ),
      );
      return new Promise((resolve, reject) => {
        const socket = open();
        let hasEnded = false;
        const fail = (why: string): void => {
          socket.destroy();
          reject(new SendError('retry', `${target.host}:${target.port} ${why}`));
        };
        socket.setTimeout(TIMEOUT_MS, () => fail('does not answer'));
        socket.on('error', (error: NodeJS.ErrnoException) => fail(`fails (${error.code ?? 'TLS'})`));
        socket.once(target.tls === null ? 'connect' : 'secureConnect', () => {
          socket.end(Buffer.concat(frames));
        });
        // What a receiver says is of no interest, but its end has to be seen.
        socket.resume();
        socket.on('end', () => {
          hasEnded = true;
        });
        socket.on('close', () => {
          if (hasEnded && socket.writableFinished) resolve(allTaken);
          else fail('closed before it had read everything');
        });
      });
    },
    close: () => Promise.resolve(),
  };
}
