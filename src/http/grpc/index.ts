export { GrpcMessages } from './messages.ts';
export { encodeGrpcMessage, GrpcStatus, grpcStatusOf, parseGrpcStatus } from './status.ts';
export { parseGrpcTimeout } from './timeout.ts';

/** Whether the content type is that of gRPC over HTTP/2: `application/grpc`, alone or with `+proto` and the like. */
export function isGrpcContentType(value: string | null): boolean {
  return value !== null && /^application\/grpc(?:\+[a-z0-9.-]{1,64})?(?:[\t ]*;.*)?$/i.test(value);
}
