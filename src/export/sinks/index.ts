import type { SinkTarget } from '../contract.ts';
import type { Origin, Sink } from '../sink.ts';
import { elasticSink } from './elastic.ts';
import { exportFileSink } from './file.ts';
import { kafkaSink } from './kafka.ts';
import { natsSink } from './nats.ts';
import { s3Sink } from './s3.ts';
import { sentinelSink } from './sentinel.ts';
import { splunkSink } from './splunk.ts';
import { syslogSink } from './syslog.ts';
import { webhookSink } from './webhook.ts';

export function createSink(target: SinkTarget, origin: Origin): Sink {
  switch (target.kind) {
    case 'syslog':
      return syslogSink(target, origin);
    case 'elastic':
      return elasticSink(target, origin);
    case 'splunk':
      return splunkSink(target, origin);
    case 'sentinel':
      return sentinelSink(target, origin);
    case 'webhook':
      return webhookSink(target, origin);
    case 's3':
      return s3Sink(target, origin);
    case 'nats':
      return natsSink(target, origin);
    case 'kafka':
      return kafkaSink(target, origin);
    case 'file':
      return exportFileSink(target, origin);
  }
}
