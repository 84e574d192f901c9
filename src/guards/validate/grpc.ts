// What makes a request a gRPC call: HTTP/2, its content type, and a deadline that can be read. Messages are opaque to
// the gate; their framing is followed by the relay. HOT
import { type Decision, type Exchange, type Guard, noHooks, Refusal } from '../../exchange/index.ts';
import { isGrpcContentType, parseGrpcTimeout } from '../../http/grpc/index.ts';

/** Guard for one method of a service. */
export function compileGrpc(): Guard {
  const wrongVersion = new Refusal(
    'http-version-unsupported',
    'validate',
    'grpc-version',
    'gRPC needs HTTP/2.',
  );
  const wrongType = new Refusal(
    'media-type-unsupported',
    'validate',
    'grpc-content-type',
    'The content type of gRPC is application/grpc.',
  );
  const wrongTimeout = new Refusal(
    'parameter-invalid',
    'validate',
    'grpc-timeout',
    'grpc-timeout is at most eight digits and one of H, M, S, m, u, n.',
  );
  const onRequest = (exchange: Exchange): Decision => {
    if (exchange.httpMajor !== 2) return wrongVersion;
    const { fields } = exchange;
    if (!isGrpcContentType(fields.get('content-type'))) return wrongType;
    const timeout = fields.get('grpc-timeout');
    if (timeout === null) return null;
    const timeoutMs = fields.count('grpc-timeout') === 1 ? parseGrpcTimeout(timeout) : null;
    if (timeoutMs === null) return wrongTimeout;
    exchange.timeoutMs = timeoutMs;
    return null;
  };
  return { ...noHooks, name: 'validate', onRequest };
}
