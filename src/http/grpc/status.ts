// Status codes of gRPC (its "Status codes" and "HTTP to gRPC Status Code Mapping") and the text that goes with them.
import { type ErrorCode, errorTable } from '../../core/index.ts';

export const GrpcStatus = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** Codes that say more than their HTTP status does. */
const ofCode: Partial<Record<ErrorCode, number>> = {
  'parameter-invalid': GrpcStatus.invalidArgument,
  'body-invalid': GrpcStatus.invalidArgument,
  'credentials-ambiguous': GrpcStatus.unauthenticated,
};

const ofStatus: Readonly<Record<number, number>> = {
  400: GrpcStatus.internal,
  401: GrpcStatus.unauthenticated,
  403: GrpcStatus.permissionDenied,
  404: GrpcStatus.unimplemented,
  405: GrpcStatus.unimplemented,
  408: GrpcStatus.deadlineExceeded,
  413: GrpcStatus.resourceExhausted,
  429: GrpcStatus.resourceExhausted,
  431: GrpcStatus.resourceExhausted,
  499: GrpcStatus.cancelled,
  500: GrpcStatus.internal,
  501: GrpcStatus.unimplemented,
  502: GrpcStatus.unavailable,
  503: GrpcStatus.unavailable,
  504: GrpcStatus.deadlineExceeded,
};

/** The status that a gRPC client is told for an error of the gate. */
export function grpcStatusOf(code: ErrorCode): number {
  return ofCode[code] ?? ofStatus[errorTable[code].status] ?? GrpcStatus.unknown;
}

/** The number in a `grpc-status` field, or -1. */
export function parseGrpcStatus(value: string | null): number {
  return value !== null && /^(?:0|[1-9][0-9]{0,2})$/.test(value) ? Number(value) : -1;
}

/** `text` as a value of `grpc-message`: UTF-8, percent-encoded but for printable ASCII. */
export function encodeGrpcMessage(text: string): string {
  let out = '';
  for (const byte of Buffer.from(text, 'utf8')) {
    out +=
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return out;
}
