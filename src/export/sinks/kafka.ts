// Kafka: a message a record, acknowledged by all replicas that are in sync. The client is an optional package, loaded when a sink wants it.
import type { Producer } from '@platformatic/kafka';
import type { SinkTarget } from '../contract.ts';
import { encodeLine } from '../formats/index.ts';
import { allTaken, type Origin, SendError, type Sink } from '../sink.ts';

type KafkaTarget = Extract<SinkTarget, { kind: 'kafka' }>;
type TextProducer = Producer<string, string, string, string>;

/** Time for brokers to answer, ms. */
const TIMEOUT_MS = 10_000;
/** Codes of the protocol that stay whatever is tried: message too large, record list too large, invalid record. */
const PERMANENT = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD']);
/** Codes that say that we are not wanted. */
const REFUSED =
  /^(?:TOPIC_AUTHORIZATION_FAILED|CLUSTER_AUTHORIZATION_FAILED|SASL_AUTHENTICATION_FAILED|UNSUPPORTED_SASL_MECHANISM)$/;

export function kafkaSink(target: KafkaTarget, origin: Origin): Sink {
  let producer: TextProducer | null = null;

  async function connected(): Promise<TextProducer> {
    if (producer !== null) return producer;
    const { Producer, stringSerializers } = await import('@platformatic/kafka').catch(() => {
      throw new SendError('refused', 'the package @platformatic/kafka is not installed');
    });
    const { tls, user, password, mechanism } = target;
    producer = new Producer({
      clientId: `gatewright-${origin.hostname}`,
      bootstrapBrokers: [...target.brokers],
      serializers: stringSerializers,
      autocreateTopics: false,
      // The exporter tries again, and says so.
      retries: 0,
      timeout: TIMEOUT_MS,
      connectTimeout: TIMEOUT_MS,
      requestTimeout: TIMEOUT_MS,
      ...(tls === null
        ? {}
        : {
            tlsServerName: true,
            tls: {
              minVersion: 'TLSv1.2',
              ...(tls.ca === '' ? {} : { ca: tls.ca }),
              ...(tls.certificate === '' ? {} : { cert: tls.certificate, key: tls.key }),
            },
          }),
      ...(user === '' ? {} : { sasl: { mechanism, username: user, password } }),
    });
    return producer;
  }

  return {
    async send(events) {
      const client = await connected();
      const { ProduceAcks } = await import('@platformatic/kafka');
      try {
        await client.send({
          acks: ProduceAcks.ALL,
          messages: events.map((event) => ({
            topic: target.topic,
            // Entries of a trail stay in their order; records of requests are spread.
            key: event.kind === 'trail' ? event.record.trail : event.record.id,
            value: encodeLine(event, origin, target.format),
          })),
        });
        return allTaken;
      } catch (error) {
        // What is known of brokers and connections may be what is wrong.
        producer = null;
        await client.close(true).catch(() => {});
        throw errorOf(error);
      }
    },
    async close() {
      await producer?.close(true).catch(() => {});
    },
  };
}

function errorOf(error: unknown): SendError {
  const codes = codesOf(error, 0);
  const message = error instanceof Error ? error.message : 'unknown';
  if (codes.some((code) => PERMANENT.has(code))) return new SendError('permanent', `Kafka: ${message}`);
  const isRefused = codes.some((code) => REFUSED.test(code) || code === 'PLT_KFK_AUTHENTICATION');
  return new SendError(isRefused ? 'refused' : 'retry', `Kafka takes nothing (${message})`);
}

/** Codes of an error and of those in it. */
function codesOf(error: unknown, depth: number): string[] {
  if (typeof error !== 'object' || error === null || depth > 8) return [];
  const { code, apiId, errors, cause } = error as Readonly<Record<string, unknown>>;
  const own = [code, apiId].filter((one) => typeof one === 'string');
  const inner = [...(Array.isArray(errors) ? (errors as unknown[]) : []), cause];
  return [...own, ...inner.flatMap((one) => codesOf(one, depth + 1))];
}
