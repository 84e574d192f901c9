// gRPC services as a contract: each method that the configuration names is an operation, and nothing else is.
import type { Contract } from '../openapi/document.ts';
import type { ConfigDocument } from './document.ts';

type GrpcDocument = NonNullable<ConfigDocument['apis'][string]['grpc']>;

export function grpcContract(grpc: GrpcDocument): Contract {
  const operations = Object.entries(grpc.services).flatMap(([service, methods]) =>
    [...new Set(methods)].map((method) => ({
      id: `${service}/${method}`,
      method: 'POST',
      template: `/${service}/${method}`,
      parameters: [],
      body: null,
      security: null,
      deprecated: false,
      summary: '',
      line: 0,
      column: 0,
    })),
  );
  return { title: '', document: {}, version: '3.1', operations, securitySchemes: {} };
}
