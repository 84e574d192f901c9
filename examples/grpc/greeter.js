// The service of greeter.proto without generated code: both messages are one string in field 1, below 128 bytes.
import { makeGenericClientConstructor } from '@grpc/grpc-js';

const encode = (text) => {
  const bytes = Buffer.from(text, 'utf8');
  return Buffer.concat([Buffer.from([0x0a, bytes.length]), bytes]);
};
const decode = (bytes) => bytes.subarray(2).toString('utf8');

const method = (name, responseStream) => ({
  path: `/helloworld.Greeter/${name}`,
  requestStream: false,
  responseStream,
  requestSerialize: encode,
  requestDeserialize: decode,
  responseSerialize: encode,
  responseDeserialize: decode,
});

export const greeter = {
  SayHello: method('SayHello', false),
  SayHelloStream: method('SayHelloStream', true),
};

export const GreeterClient = makeGenericClientConstructor(greeter, 'Greeter');
