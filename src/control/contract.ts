// What a service of the control plane is: an API whose contract the product brings, which the gate guards like any other
// and whose requests the main thread answers. The configuration reads descriptions; the composition root has the
// handlers.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ContractOperation } from '../openapi/index.ts';

/** What a service offers, as the configuration needs it: plain data and no code. */
export interface ServiceDescription {
  /** Name in the configuration, for instance `key-set`. */
  readonly name: string;
  readonly summary: string;
  readonly operations: readonly ContractOperation[];
  /** The document behind `$ref` in the schemas of the operations; `{}` where there are none. */
  readonly document: Readonly<Record<string, unknown>>;
  /** Operations that need no authentication by the gate, with the reason, by operation id. */
  readonly open: Readonly<Record<string, string>>;
  /** Whether the gate holds requests to the schemas; false where the service is the better judge of its protocol. */
  readonly validates: boolean;
  /** True: it may be served on internal listeners alone. */
  readonly internalOnly: boolean;
  /**
   * `either`: an API that says `authenticate` has the gate authenticate even what is in `open`, and the service takes its
   * word for who calls. Absent: what is in `open` is, whatever the API says.
   */
  readonly authentication?: 'either';
  /** It keeps something in the state, and can not be served without one. */
  readonly needsState?: true;
}

/** Who calls, as the gate has verified it. */
export interface ServiceCaller {
  readonly id: string;
  readonly method: 'api-key' | 'jwt' | 'mtls' | 'signature';
  readonly scopes: readonly string[];
  readonly claims: Readonly<Record<string, unknown>>;
  readonly credentialId: string;
}

/** A verified client certificate. */
export interface ServiceCertificate {
  /** `spiffe:…`, `dns:…`, `uri:…`, `email:…`, `subject:…`. */
  readonly identities: readonly string[];
  /** Lower-case hexadecimal SHA-256. */
  readonly fingerprint: string;
  /** Client-Cert field value (RFC 9440): the certificate as a byte sequence. */
  readonly field: string;
}

/** The certificate of the connection, whose key the client has proved, verified or not. It names nobody by itself. */
export interface ShownCertificate {
  /** Base64 of DER. */
  readonly encoded: string;
  /** Lower-case hexadecimal SHA-256, of it and of those above it (the latter only of a verified one). */
  readonly fingerprint: string;
  readonly issuers: readonly string[];
  /** Empty when it was verified; else why not, for instance `untrusted`. */
  readonly problem: string;
  /** 0 where it could not be read. */
  readonly notAfterMs: number;
}

/** What the gate says of one request besides the request itself. All of it comes from the gate, nothing from the client. */
export interface ServiceCall {
  readonly service: string;
  /** Name of the API in the configuration. */
  readonly api: string;
  readonly operation: string;
  /** Percent-decoded values of the path parameters, in the order of the template. */
  readonly params: readonly string[];
  /** Path of the configuration in front of the service's own paths, `` or `/x/y`. */
  readonly base: string;
  /** Path as judged by the gate, with the base. */
  readonly path: string;
  readonly caller: ServiceCaller | null;
  readonly certificate: ServiceCertificate | null;
  readonly shown: ShownCertificate | null;
  readonly clientAddress: string;
  readonly listener: string;
  readonly secure: boolean;
  /** Host and port as the client named them. */
  readonly authority: string;
  /** Id that joins answers, logs and audit. */
  readonly exchangeId: string;
  readonly traceId: string;
}

/** Answers one request. A rejection before the answer has begun becomes a 500 problem without details. */
export type ServiceHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  call: ServiceCall,
) => void | Promise<void>;

/** Where the gate and the services meet in this process. */
export interface ControlAddress {
  /** Path of the Unix socket, in a folder that only this user can enter. */
  readonly socket: string;
  /** What a request must carry to come from this process's gate. */
  readonly secret: string;
}
