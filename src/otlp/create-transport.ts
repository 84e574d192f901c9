// The transport of a protocol; the client of gRPC is loaded where it is used.
import type { OtlpConfig } from './contract.ts';
import { HttpTransport } from './http-transport.ts';
import type { Transport } from './transport.ts';

export async function createTransport(config: OtlpConfig): Promise<Transport> {
  if (config.protocol !== 'grpc') return new HttpTransport(config);
  const { GrpcTransport } = await import('./grpc-transport.ts');
  return new GrpcTransport(config);
}
