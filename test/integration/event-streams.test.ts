// Server-sent events and other answers that never end pass as they come, whatever is spoken on either side: each event
// reaches the client before the next one is made.
import assert from 'node:assert/strict';
import { connect } from 'node:http2';
import { test } from 'node:test';
import { openConfig, startTestGate } from '../support/gate.ts';
import { startH2Upstream } from '../support/h2-upstream.ts';
import { RawClient, request } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { until } from '../support/until.ts';

const EVENTS = 20;

for (const to of ['http1', 'http2'] as const) {
  for (const from of ['HTTP/1', 'HTTP/2']) {
    test(`events from ${to} to ${from}`, async (t) => {
      let send = (_event: string): void => {};
      let port: number;
      let isGone = (): boolean => false;
      if (to === 'http1') {
        const upstream = await startRawUpstream(t);
        port = upstream.port;
        upstream.onRequest = ({ connection: { socket } }) => {
          socket.write(
            'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n',
          );
          send = (event) => void socket.write(`${event.length.toString(16)}\r\n${event}\r\n`);
        };
        isGone = () => upstream.connections[0]!.closed;
      } else {
        const upstream = await startH2Upstream(t);
        port = upstream.port;
        upstream.onRequest = ({ stream }) => {
          stream.respond({ ':status': 200, 'content-type': 'text/event-stream' });
          send = (event) => void stream.write(event);
        };
        isGone = () => upstream.requests[0]!.stream.destroyed;
      }
      const gate = await startTestGate(t, {
        config: openConfig({
          upstreamPort: port,
          listener: ', http2: true',
          upstream: `    protocol: ${to}`,
        }).replace(', websocket: true', ''),
      });
      let received = '';
      let leave: () => void;
      if (from === 'HTTP/1') {
        const client = await RawClient.connect(gate.port);
        client.socket.on('data', (bytes: Buffer) => {
          received += bytes.toString('latin1');
        });
        client.send(request('GET', '/things', { accept: 'text/event-stream' }));
        leave = () => client.destroy();
      } else {
        const client = connect(`http://127.0.0.1:${gate.port}`);
        t.after(() => client.destroy());
        const stream = client.request({ ':path': '/things', accept: 'text/event-stream' });
        stream.on('error', () => {});
        stream.on('response', (headers) => {
          received += `HTTP/2 ${headers[':status']} ${headers['content-type']}`;
        });
        stream.on('data', (bytes: Buffer) => {
          received += bytes.toString('latin1');
        });
        leave = () => stream.close(8);
      }
      // The head comes before the first event is there.
      await until(() => received.includes('text/event-stream'), 'the head');
      for (let i = 0; i < EVENTS; i++) {
        send(`id: ${i}\ndata: event ${i}\n\n`);
        await until(() => received.includes(`data: event ${i}\n\n`), `event ${i}`);
      }
      leave();
      // A client of HTTP/1 that has ended its side may still read: that it does not shows when something is sent.
      await until(() => {
        if (!isGone()) send('data: more\n\n');
        return isGone();
      }, 'the upstream to be told that nobody listens');
      assert.ok(received.includes('data: event 19'));
    });
  }
}
