// Calls SayHello through the gate: `node client.js [name] [key] [address]`.
import { credentials, Metadata } from '@grpc/grpc-js';
import { GreeterClient } from './greeter.js';

const [name = 'world', key = '', address = '127.0.0.1:8080'] = process.argv.slice(2);
const client = new GreeterClient(address, credentials.createInsecure());
const metadata = new Metadata();
if (key !== '') metadata.set('x-api-key', key);
client.SayHello(name, metadata, { deadline: Date.now() + 5000 }, (error, reply) => {
  console.log(error === null ? reply : `${error.code} ${error.details}`);
  client.close();
});
