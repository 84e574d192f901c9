// The one table of everything that can go wrong on a request. Problem answers (RFC 9457), access-log entries
// and metrics are built from a code in this table and from nothing else, so that no cause can leak to a client.

/** Who has to act: the caller, the gate's operator, or the owner of the upstream. */
export type Fault = 'client' | 'gate' | 'upstream';

export interface ErrorEntry {
  /** HTTP status of the answer. */
  readonly status: number;
  /** Title of the problem document; the same for every occurrence (RFC 9457 section 3.1.4). */
  readonly title: string;
  /** Whether the same request may succeed later without a change. */
  readonly retryable: boolean;
  readonly fault: Fault;
}

const row = (status: number, fault: Fault, title: string, retryable = false): ErrorEntry => ({
  status,
  title,
  retryable,
  fault,
});

export const errorTable = {
  // framing and routing
  'request-malformed': row(400, 'client', 'The request is not valid HTTP.'),
  'request-path-ambiguous': row(400, 'client', 'The request path can be read in more than one way.'),
  'request-host-invalid': row(400, 'client', 'The request needs exactly one valid Host.'),
  'request-head-too-large': row(431, 'client', 'The request head is too large.'),
  'request-target-too-long': row(414, 'client', 'The request target is too long.'),
  'request-body-too-large': row(413, 'client', 'The request body is too large.'),
  'request-timeout': row(408, 'client', 'The request did not arrive in time.', true),
  'request-aborted': row(499, 'client', 'The client closed the connection.', true),
  'request-method-unsupported': row(501, 'client', 'The request method is not supported.'),
  'http-version-unsupported': row(505, 'client', 'The HTTP version is not supported.'),
  'expectation-unsupported': row(417, 'client', 'The expectation can not be met.'),
  'operation-unknown': row(404, 'client', 'There is no such operation.'),
  'method-not-allowed': row(405, 'client', 'The operation does not allow this method.'),
  'version-gone': row(410, 'client', 'This version is not served any more.'),
  'upgrade-refused': row(400, 'client', 'The protocol upgrade is not allowed here.'),
  'websocket-violation': row(400, 'client', 'The WebSocket broke a rule.'),
  // guards
  'address-denied': row(403, 'client', 'Requests from this address are not accepted.'),
  'origin-denied': row(403, 'client', 'Requests from this origin are not accepted.'),
  'credentials-missing': row(401, 'client', 'The operation needs credentials.'),
  'credentials-invalid': row(401, 'client', 'The credentials are not valid.'),
  'credentials-expired': row(401, 'client', 'The credentials have expired.'),
  'credentials-ambiguous': row(400, 'client', 'The request carries more than one credential of a kind.'),
  'scope-insufficient': row(403, 'client', 'The credentials do not allow this operation.'),
  'role-insufficient': row(403, 'client', 'The caller may not use this operation.'),
  'object-denied': row(403, 'client', 'The caller may not use this object.'),
  'field-denied': row(403, 'client', 'The caller may not set a field of the body.'),
  'policy-denied': row(403, 'client', 'A policy does not allow this request.'),
  'authentication-insufficient': row(401, 'client', 'The operation needs a stronger or a newer login.'),
  'enumeration-suspected': row(429, 'client', 'Too many requests for objects of others.', true),
  'method-override-refused': row(400, 'client', 'The request names a second method.'),
  'rate-limited': row(429, 'client', 'Too many requests.', true),
  'quota-exhausted': row(429, 'client', 'The quota of the period is used up.', true),
  'too-many-at-once': row(429, 'client', 'Too many requests are under way.', true),
  'too-many-failures': row(429, 'client', 'Credentials were wrong too often.', true),
  'limits-unavailable': row(503, 'gate', 'Requests can not be counted at the moment.', true),
  'media-type-unsupported': row(415, 'client', 'The operation does not take this content type.'),
  'content-coding-unsupported': row(415, 'client', 'The operation does not take this content coding.'),
  'parameter-invalid': row(400, 'client', 'A parameter does not match the contract.'),
  'grpc-message-invalid': row(400, 'client', 'The gRPC message is not valid.'),
  'body-invalid': row(400, 'client', 'The request body does not match the contract.'),
  'request-blocked': row(403, 'client', 'The request was not accepted.'),
  'request-inspection-failed': row(500, 'gate', 'The request could not be inspected.'),
  'response-blocked': row(502, 'upstream', 'The service gave an answer that is not passed on.'),
  'response-inspection-failed': row(502, 'gate', "The service's answer could not be inspected."),
  'response-contract-broken': row(
    502,
    'upstream',
    'The service gave an answer that its contract does not allow.',
  ),
  'response-unmaskable': row(502, 'upstream', 'The service gave an answer that is not passed on.'),
  'key-source-unavailable': row(503, 'gate', 'Credentials can not be verified at the moment.', true),
  'owner-unavailable': row(503, 'gate', 'Whose the object is can not be found out at the moment.', true),
  overloaded: row(503, 'gate', 'The gate is busy at the moment.', true),
  'guard-failed': row(500, 'gate', 'The request could not be judged.', true),
  // resources of the control plane
  'resource-unknown': row(404, 'client', 'There is no such resource.'),
  'resource-conflict': row(409, 'client', 'The resource is in a state that does not allow this.'),
  'precondition-failed': row(412, 'client', 'The resource has changed since it was read.'),
  'precondition-required': row(428, 'client', 'A change must name the version that it is for.'),
  // services of the gate itself
  'service-caller-unknown': row(403, 'gate', 'The request did not come through the gate.'),
  'service-unavailable': row(503, 'gate', 'The service is not available at the moment.', true),
  'service-failed': row(500, 'gate', 'The service could not answer.', true),
  // upstream
  'upstream-unavailable': row(503, 'upstream', 'The service is not available at the moment.', true),
  'upstream-overloaded': row(503, 'upstream', 'The service is busy at the moment.', true),
  'upstream-connect-failed': row(502, 'upstream', 'The service can not be reached at the moment.', true),
  'upstream-response-invalid': row(502, 'upstream', 'The service gave an invalid answer.', true),
  'upstream-aborted': row(502, 'upstream', 'The service broke off its answer.', true),
  'upstream-timeout': row(504, 'upstream', 'The service did not answer in time.', true),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errorTable;

export const errorCodes = Object.keys(errorTable) as readonly ErrorCode[];
