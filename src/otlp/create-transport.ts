// The transport of a protocol; the client of gRPC is loaded where it is used.
import type { OtlpConfig } from './contract.ts';
import { HttpTransport } from './http-transport.ts';
import type { Transport } from './transport.ts';

/** `userAgent` names the gate to the receiver. Rejects with RangeError where the endpoint must not be called. */
export async function createTransport(config: OtlpConfig, userAgent: string): Promise<Transport> {
  if (config.protocol !== 'grpc') return new HttpTransport(config, userAgent);
  const { GrpcTransport } = await import('./grpc-transport.ts');
  return new GrpcTransport(config, userAgent);
}
