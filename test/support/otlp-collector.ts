// A receiver of OTLP over HTTP and gRPC that decodes with the code which OpenTelemetry generates from its own .proto files, and can be
// told to answer as a receiver in trouble does.
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { gunzipSync } from 'node:zlib';
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { until } from './until.ts';

/** What protobufjs generates for a message. */
interface Codec {
  decode(bytes: Uint8Array): object;
  encode(value: object): { finish(): Uint8Array };
  toObject(value: object, options: object): Record<string, unknown>;
  fromObject(value: object): object;
}

export type Signal = 'traces' | 'metrics' | 'logs';

type Services = Record<string, { readonly v1: Record<string, Codec> }>;
const { opentelemetry } = createRequire(import.meta.url)(
  '@opentelemetry/otlp-transformer/build/src/generated/root.js',
) as { readonly opentelemetry: { readonly proto: { readonly collector: Services } } };

const codecsOf = (service: string, name: string) => {
  const types = opentelemetry.proto.collector[service]!.v1;
  return {
    request: types[`Export${name}ServiceRequest`]!,
    response: types[`Export${name}ServiceResponse`]!,
  };
};
export const official: Readonly<Record<Signal, { readonly request: Codec; readonly response: Codec }>> = {
  traces: codecsOf('trace', 'Trace'),
  metrics: codecsOf('metrics', 'Metrics'),
  logs: codecsOf('logs', 'Logs'),
};

/** The request as plain objects: ids in hexadecimal digits, 64-bit integers as text, enumerations as numbers. */
export function decodeOfficially(signal: Signal, bytes: Uint8Array): Record<string, unknown> {
  const { request } = official[signal];
  const plain = request.toObject(request.decode(bytes), { longs: String, bytes: Array, arrays: false });
  return hexOfIds(plain) as Record<string, unknown>;
}

function hexOfIds(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(hexOfIds);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      /^(?:trace|span|parentSpan)Id$/.test(name) && Array.isArray(member)
        ? Buffer.from(member as number[]).toString('hex')
        : hexOfIds(member),
    ]),
  );
}

export interface Received {
  readonly signal: Signal;
  readonly headers: IncomingHttpHeaders;
  readonly request: Record<string, unknown>;
}

/** How the next request is answered, instead of being taken. */
export interface Trouble {
  /** HTTP status, or code of gRPC. */
  readonly status: number;
  readonly fields?: Readonly<Record<string, string>>;
  readonly details?: Buffer;
}

export interface Collector {
  readonly port: number;
  readonly received: readonly Received[];
  /** Answered one after the other before requests are taken again. */
  readonly troubles: Trouble[];
  /** Items refused of the next request that is taken. */
  partial: { readonly rejected: number; readonly message: string } | null;
  /** Spans, log records or metrics of all requests so far. */
  items(signal: Signal): Record<string, unknown>[];
  /** Waits until they are enough. */
  wait(
    signal: Signal,
    isEnough: (items: Record<string, unknown>[]) => boolean,
    what: string,
  ): Promise<Record<string, unknown>[]>;
}

const places: Readonly<Record<Signal, readonly [string, string, string]>> = {
  traces: ['resourceSpans', 'scopeSpans', 'spans'],
  metrics: ['resourceMetrics', 'scopeMetrics', 'metrics'],
  logs: ['resourceLogs', 'scopeLogs', 'logRecords'],
};
const rejectedNames = { traces: 'rejectedSpans', metrics: 'rejectedDataPoints', logs: 'rejectedLogRecords' };

export const itemsOf = (signal: Signal, request: Record<string, unknown>): Record<string, unknown>[] => {
  const [ofResource, ofScope, items] = places[signal];
  const list = (of: Record<string, unknown>, name: string): Record<string, unknown>[] =>
    (of[name] as Record<string, unknown>[] | undefined) ?? [];
  return list(request, ofResource)
    .flatMap((one) => list(one, ofScope))
    .flatMap((one) => list(one, items));
};

/** Attributes of a span, record or point as an object of texts, numbers and booleans. */
export function attributesOf(item: Record<string, unknown>): Record<string, unknown> {
  const list = (item['attributes'] as { key: string; value: Record<string, unknown> }[] | undefined) ?? [];
  return Object.fromEntries(list.map(({ key, value }) => [key, Object.values(value)[0]]));
}

class Inbox implements Omit<Collector, 'port'> {
  readonly received: Received[] = [];
  readonly troubles: Trouble[] = [];
  partial: Collector['partial'] = null;

  items(signal: Signal): Record<string, unknown>[] {
    return this.received
      .filter((one) => one.signal === signal)
      .flatMap((one) => itemsOf(signal, one.request));
  }

  wait(
    signal: Signal,
    isEnough: (items: Record<string, unknown>[]) => boolean,
    what: string,
  ): Promise<Record<string, unknown>[]> {
    return until(() => {
      const items = this.items(signal);
      return isEnough(items) ? items : undefined;
    }, what);
  }

  /** The answer of a request that was taken. */
  answer(signal: Signal): object {
    const { partial } = this;
    this.partial = null;
    if (partial === null) return {};
    return { partialSuccess: { [rejectedNames[signal]]: partial.rejected, errorMessage: partial.message } };
  }
}

const signalOf = (path: string): Signal | null =>
  path.endsWith('/v1/traces')
    ? 'traces'
    : path.endsWith('/v1/metrics')
      ? 'metrics'
      : path.endsWith('/v1/logs')
        ? 'logs'
        : null;

/** Over HTTP, or HTTPS with the key and certificate given. */
export async function startHttpCollector(
  t: TestContext,
  tls: { readonly key: string; readonly cert: string } | null = null,
): Promise<Collector> {
  const inbox = new Inbox();
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const signal = signalOf(request.url ?? '');
      if (request.method !== 'POST' || signal === null) return void response.writeHead(404).end();
      const trouble = inbox.troubles.shift();
      if (trouble !== undefined) return void response.writeHead(trouble.status, trouble.fields).end();
      const sent = Buffer.concat(chunks);
      const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent;
      const isJson = request.headers['content-type'] === 'application/json';
      inbox.received.push({
        signal,
        headers: request.headers,
        request: isJson
          ? (JSON.parse(body.toString('utf8')) as Record<string, unknown>)
          : decodeOfficially(signal, body),
      });
      const answer = inbox.answer(signal);
      const { response: codec } = official[signal];
      response.writeHead(200, { 'content-type': isJson ? 'application/json' : 'application/x-protobuf' });
      response.end(isJson ? JSON.stringify(answer) : codec.encode(codec.fromObject(answer)).finish());
    });
  };
  const server = tls === null ? createServer(serve) : createTlsServer(tls, serve);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return Object.assign(inbox, { port: (server.address() as AddressInfo).port });
}

/** Over gRPC. */
export async function startGrpcCollector(
  t: TestContext,
  tls: { readonly key: string; readonly cert: string } | null = null,
): Promise<Collector> {
  const inbox = new Inbox();
  const server = new Server();
  for (const [signal, service, name] of [
    ['traces', 'trace', 'Trace'],
    ['metrics', 'metrics', 'Metrics'],
    ['logs', 'logs', 'Logs'],
  ] as const) {
    const { response } = official[signal];
    const definition = {
      Export: {
        path: `/opentelemetry.proto.collector.${service}.v1.${name}Service/Export`,
        requestStream: false,
        responseStream: false,
        requestSerialize: (bytes: Buffer) => bytes,
        requestDeserialize: (bytes: Buffer) => bytes,
        responseSerialize: (value: object) =>
          Buffer.from(response.encode(response.fromObject(value)).finish()),
        responseDeserialize: (bytes: Buffer) => response.decode(bytes),
      },
    } satisfies ServiceDefinition;
    server.addService(definition, {
      Export: (call: ServerUnaryCall<Buffer, object>, callback: sendUnaryData<object>) => {
        const trouble = inbox.troubles.shift();
        if (trouble !== undefined) {
          const metadata = new Metadata();
          if (trouble.details !== undefined) metadata.set('grpc-status-details-bin', trouble.details);
          return callback({ code: trouble.status, details: 'in trouble', metadata });
        }
        const headers = call.metadata.getMap() as IncomingHttpHeaders;
        inbox.received.push({ signal, headers, request: decodeOfficially(signal, call.request) });
        callback(null, inbox.answer(signal));
      },
    });
  }
  const credentials =
    tls === null
      ? ServerCredentials.createInsecure()
      : ServerCredentials.createSsl(null, [
          { private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.cert) },
        ]);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  t.after(() => server.forceShutdown());
  return Object.assign(inbox, { port });
}
