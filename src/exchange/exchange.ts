// One request and its answer, as guards see it. The relay owns the object, fills it from the strict parser
// and the router, and reuses nothing across requests. What stands here is what the upstream will get. HOT
import { FieldList } from '../http/fields/index.ts';
import type { ClientCertificate } from '../net/tls/index.ts';
import type { Answer, GuardName, Refusal } from './guard.ts';
import type { GuardTimings } from './guard-timings.ts';
import type { InspectionRecord } from './inspection.ts';
import type { Operation } from './operation.ts';
import type { Journey, Place, RiskSign } from './place.ts';

/** A caller that a guard has identified. */
export interface Consumer {
  /** Stable id over all methods, for limits and logs: an API consumer's name, or `issuer|subject` of a token. */
  readonly id: string;
  readonly method: 'api-key' | 'jwt' | 'mtls' | 'signature';
  /** Granted scopes. */
  readonly scopes: ReadonlySet<string>;
  /** Verified claims of a token; an empty object for other methods. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** Id of the credential that was used (API key id, token `jti`, or empty); never the credential. */
  readonly credentialId: string;
  /** When the key or certificate was issued, ms since the epoch; not there where nobody knows, and for tokens. */
  readonly issuedMs?: number;
}

/** Gives up something when the exchange is over. */
export type Held = (exchange: Exchange) => void;

/**
 * Answers with the way to a login that is as strong (`acr_values`) and as fresh (`max_age`, seconds) as it says, empty for
 * no wish; null where the caller can not be sent there, or just came from there.
 */
export type Reauthenticate = (exchange: Exchange, acrValues: string, maxAge: string) => Answer | null;

/** What a handshake came to; the same object for all requests of a connection. */
export interface TlsFacts {
  /** `TLSv1.2` or `TLSv1.3`. */
  readonly version: string;
  /** Name by IANA, such as `TLS_AES_128_GCM_SHA256`. */
  readonly cipher: string;
}

/** Body length that the head did not tell (chunked transfer coding). */
export const LENGTH_UNKNOWN = -1;

export class Exchange {
  /** 32 random hexadecimal digits; in the access log and as `instance` of a problem document. */
  id = '';
  /** W3C trace context (https://www.w3.org/TR/trace-context/): 32 and 16 hexadecimal digits. */
  traceId = '';
  spanId = '';
  parentSpanId = '';
  /** Flags that the upstream gets; without tracing of the gate's own those of the client. */
  traceFlags = '00';
  /** The client's `traceparent` said that the trace is kept. */
  parentSampled = false;
  /** Span of the call to the upstream, where the gate records one; empty where `spanId` stands for it. */
  upstreamSpanId = '';
  /** When guards ran, where that is wanted of this exchange. */
  timings: GuardTimings | null = null;
  /** Wall clock at the first byte of the request, ms since the epoch. */
  receivedMs = 0;
  /** Monotonic clock at the same moment, ms. */
  startMs = 0;

  /** Name of the listener in the configuration. */
  listener = '';
  secure = false;
  /** How the connection is secured; null where it is not. */
  tls: TlsFacts | null = null;
  /** The client's certificate, verified or not; null when it showed none. */
  clientCertificate: ClientCertificate | null = null;
  /** Address of the socket's other end, or what a trusted PROXY header said. IPv4-mapped IPv6 is shown as IPv4. */
  peerAddress = '';
  /** The caller's address after trusted proxies have been walked through; equals peerAddress without any. */
  clientAddress = '';
  /** Where that address is; null where no database is asked. */
  place: Place | null = null;

  method = '';
  /** Lower case, without the port. */
  host = '';
  /** Host and port as the client named them. */
  authority = '';
  /** Connection as the client sent it; it concerns this hop and does not go upstream. */
  connectionField = '';
  /** The one normalised path: guards judge it, the router matched it, the upstream gets it. */
  path = '';
  /** Query string as received, without `?`; empty when there is none. */
  query = '';
  /** 1 or 2. */
  httpMajor = 1;
  /** 0 or 1 for HTTP/1, 0 for HTTP/2. */
  httpMinor = 1;
  fields = new FieldList();
  /** Bytes of the request body that the head announces, 0 for none, LENGTH_UNKNOWN for chunked. */
  contentLength = 0;

  operation: Operation | null = null;
  /** Percent-decoded values of the operation's path parameters, in template order. */
  params: readonly string[] = noParams;

  consumer: Consumer | null = null;
  /** Sends a person through a better login; null where the caller is none, or can not be sent anywhere. */
  reauthenticate: Reauthenticate | null = null;
  /** How much the request matters when not all can be served: 0 most, 3 least. */
  priority = 2;
  /** What limits hold until the exchange is over; null for nothing. */
  held: Held[] | null = null;
  /** How suspicious the request is, 0 to 100; 0 where nothing is weighed. */
  risk = 0;
  /** What made it so. */
  riskSigns: readonly RiskSign[] = noSigns;
  /** The way that the caller can not have come; null for none. */
  journey: Journey | null = null;
  /** Id of the policy that decided, for the access log only; empty when none did. */
  policy = '';
  /** Answer fields that guards add whatever the outcome (RateLimit and the like): name, value, name, value. */
  readonly answerFields: string[] = [];
  /** Fields that the upstream gets besides the client's; a client's own copies are removed. */
  readonly upstreamFields: string[] = [];
  /** Bytes of the answer's body that are collected and judged before the client gets any; 0 lets it stream. */
  answerLimit = 0;
  /** Bytes of body that the head of the upstream's answer announces; negative when it does not. */
  answerLength = -1;
  /** What a guard makes of the collected body; only where it was judged whole. Guards that come after see this one. */
  answerBody: Buffer | null = null;
  /** The client must not learn how long the upstream's answer was, nor what follows it. */
  hidesLength = false;
  /** Kept by the guard that masks, for this exchange's answer. */
  mask: object | null = null;
  /** What the answer is held to: kept by the guard that validates, between its head and its body. */
  answerRow: object | null = null;
  /** How the upstream's answer breaks its contract, for the record: a reason and a JSON Pointer; empty when it does not. */
  answerFinding = '';

  // What the access record tells of the outcome.
  inspection: InspectionRecord | null = null;
  refusal: Refusal | null = null;
  /** Guard that decided, or empty when the request went through. */
  decidedBy: GuardName | '' = '';
  /** Status sent to the client; 0 when none was. */
  status = 0;
  /** Bytes of body received and sent. */
  requestBytes = 0;
  responseBytes = 0;
  /** Time that the caller gives the whole exchange (gRPC), ms; 0 for none. */
  timeoutMs = 0;
  /** `grpc-status` that the client is told; -1 for none. */
  grpcStatus = -1;
  /** `address:port` of the endpoint that answered last; empty when none was asked. */
  upstreamAddress = '';
  upstreamAttempts = 0;
  /** Phases, ms after startMs; -1 when not reached. */
  judgedMs = -1;
  upstreamFirstByteMs = -1;
  endMs = -1;
}

const noSigns: readonly RiskSign[] = Object.freeze([]) as readonly RiskSign[];
const noParams: readonly string[] = Object.freeze([]) as readonly string[];
