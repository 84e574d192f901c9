// A Greeter on 127.0.0.1, port 3000 or the first argument.
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { greeter } from './greeter.js';

const server = new Server();
server.addService(greeter, {
  SayHello: (call, done) => done(null, `Hello ${call.request}`),
  SayHelloStream: (call) => {
    for (const word of ['Hello', 'dear', call.request]) call.write(word);
    call.end();
  },
});
server.bindAsync(
  `127.0.0.1:${process.argv[2] ?? 3000}`,
  ServerCredentials.createInsecure(),
  (error, port) => {
    if (error) throw error;
    console.log(`Greeter on ${port}`);
  },
);
