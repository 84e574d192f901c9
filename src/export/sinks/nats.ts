// NATS JetStream: a message an event, acknowledged by the stream, with the record's id as Nats-Msg-Id so that the
// stream drops what is sent again. The clients are optional packages, loaded when a sink wants them.
import type { NatsConnection } from '@nats-io/transport-node';
import type { SinkTarget } from '../contract.ts';
import { encodeLine } from '../formats/index.ts';
import { type Origin, SendError, type SendResult, type Sink } from '../sink.ts';

type NatsTarget = Extract<SinkTarget, { kind: 'nats' }>;

/** Time for the stream to acknowledge one message, ms. */
const TIMEOUT_MS = 10_000;

export function natsSink(target: NatsTarget, origin: Origin): Sink {
  let connection: NatsConnection | null = null;

  async function connected(): Promise<NatsConnection> {
    if (connection !== null && !connection.isClosed()) return connection;
    const { connect } = await import('@nats-io/transport-node').catch(() => {
      throw new SendError('refused', 'the package @nats-io/transport-node is not installed');
    });
    try {
      connection = await connect({
        servers: [...target.servers],
        name: `gatewright ${origin.hostname}`,
        reconnect: false,
        timeout: TIMEOUT_MS,
        ...(target.user === '' ? {} : { user: target.user, pass: target.password }),
      });
    } catch (error) {
      throw new SendError(
        'retry',
        `NATS does not answer (${error instanceof Error ? error.message : 'unknown'})`,
      );
    }
    return connection;
  }

  return {
    async send(events) {
      const { jetstream } = await import('@nats-io/jetstream').catch(() => {
        throw new SendError('refused', 'the package @nats-io/jetstream is not installed');
      });
      const stream = jetstream(await connected(), { timeout: TIMEOUT_MS });
      const outcomes = await Promise.allSettled(
        events.map((event) =>
          stream.publish(target.subject, encodeLine(event, origin, target.format), {
            msgID: event.record.id,
          }),
        ),
      );
      const again = new Set<number>();
      let problem = '';
      outcomes.forEach((outcome, index) => {
        if (outcome.status === 'fulfilled') return;
        again.add(index);
        problem = outcome.reason instanceof Error ? outcome.reason.message : 'unknown';
      });
      if (again.size === events.length) throw new SendError('retry', `NATS takes nothing (${problem})`);
      return { rejected: new Map(), again } satisfies SendResult;
    },
    async close() {
      await connection?.close().catch(() => {});
    },
  };
}
