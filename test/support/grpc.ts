// A small gRPC service, demo.Echo, with every kind of method, and clients for it: real servers and clients of grpc-js,
// whose messages are UTF-8 text (a codec of our own needs no .proto file).
import type { TestContext } from 'node:test';
import {
  type ChannelCredentials,
  type ClientOptions,
  credentials,
  Metadata,
  makeGenericClientConstructor,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';

const serialize = (text: string): Buffer => Buffer.from(text, 'utf8');
const deserialize = (bytes: Buffer): string => bytes.toString('utf8');

const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/demo.Echo/${name}`,
  requestStream,
  responseStream,
  requestSerialize: serialize,
  requestDeserialize: deserialize,
  responseSerialize: serialize,
  responseDeserialize: deserialize,
});

export const echoService = {
  Say: method('Say', false, false),
  Count: method('Count', false, true),
  Join: method('Join', true, false),
  Chat: method('Chat', true, true),
  Hidden: method('Hidden', false, false),
} satisfies ServiceDefinition;

export const EchoClient = makeGenericClientConstructor(echoService, 'Echo');

export interface EchoServer {
  readonly port: number;
  /** Metadata of the calls that came, and which of them were cancelled. */
  readonly calls: {
    readonly method: string;
    readonly metadata: Metadata;
    cancelled: boolean;
    deadline: unknown;
  }[];
  stop(): void;
}

/** Say fails on 'fail', hangs on 'hang'; Count sends its number of messages; Join joins; Chat echoes each. */
export async function startEchoServer(t: TestContext): Promise<EchoServer> {
  const server = new Server({ 'grpc.max_receive_message_length': -1 });
  const calls: EchoServer['calls'] = [];
  const note = (name: string, call: { metadata: Metadata; on: unknown; getDeadline(): unknown }): void => {
    const entry = { method: name, metadata: call.metadata, cancelled: false, deadline: call.getDeadline() };
    calls.push(entry);
    (call as unknown as NodeJS.EventEmitter).on('cancelled', () => {
      entry.cancelled = true;
    });
  };
  server.addService(echoService, {
    Say(call: ServerUnaryCall<string, string>, done: sendUnaryData<string>) {
      note('Say', call);
      const trailers = new Metadata();
      trailers.set('x-tail', 'wag');
      trailers.set('x-bytes-bin', Buffer.from([0, 255, 10, 13]));
      if (call.request === 'hang') return;
      if (call.request === 'fail') {
        done({ code: status.FAILED_PRECONDITION, details: 'nö: 100 %', metadata: trailers });
      } else done(null, `said ${call.request}`, trailers);
    },
    Hidden(call: ServerUnaryCall<string, string>, done: sendUnaryData<string>) {
      note('Hidden', call);
      done(null, 'secret');
    },
    Count(call: ServerWritableStream<string, string>) {
      note('Count', call);
      const [count, size] = call.request.split(' ').map(Number) as [number, number?];
      let sent = 0;
      const more = (): void => {
        while (sent < count && !call.cancelled) {
          const text = size === undefined ? String(sent) : 'x'.repeat(size);
          sent++;
          if (!call.write(text)) {
            return void call.once('drain', more);
          }
        }
        call.end();
      };
      more();
    },
    Join(call: ServerReadableStream<string, string>, done: sendUnaryData<string>) {
      note('Join', call);
      let all = '';
      call.on('data', (text: string) => {
        all += text;
      });
      call.on('end', () => done(null, all.length > 1000 ? String(all.length) : all));
    },
    Chat(call: ServerDuplexStream<string, string>) {
      note('Chat', call);
      call.on('data', (text: string) => {
        if (text === 'die') call.destroy(Object.assign(new Error('dead'), { code: status.DATA_LOSS }));
        else call.write(`echo ${text}`);
      });
      call.on('end', () => call.end());
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const stop = (): void => server.forceShutdown();
  t.after(stop);
  return { port, calls, stop };
}

/** A client whose channel is closed at the end of the test. */
export function connectEcho(
  t: TestContext,
  port: number,
  secure: ChannelCredentials = credentials.createInsecure(),
  options: ClientOptions = {},
) {
  const client = new EchoClient(`127.0.0.1:${port}`, secure, {
    'grpc.enable_retries': 0,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.ssl_target_name_override': 'localhost',
    ...options,
  });
  t.after(() => client.close());
  return client;
}
