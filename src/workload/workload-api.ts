// The SPIFFE Workload API: X.509 and JWT identities and bundles for whoever reached the socket, pushed anew whenever they change.
// Every call must carry the header that a request forged through a browser or a proxy would not have (section 6.1).

import { createPrivateKey } from 'node:crypto';
import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  type ServerWritableStream,
  type ServiceError,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { IdentityError, jwtKeySetText, type TrustBundle, type X509Svid } from '../identity/index.ts';
import { pemCertificates } from '../net/tls/index.ts';
import type { WorkloadSource } from './contract.ts';

const SECURITY_HEADER = 'workload.spiffe.io';

type Metadata = Parameters<handleUnaryCall<unknown, unknown>>[0]['metadata'];

const failure = (
  code: number,
  details: string,
): Partial<ServiceError> & { code: number; details: string } => ({
  code,
  details,
});

const hasHeader = (metadata: Metadata): boolean => {
  const values = metadata.get(SECURITY_HEADER);
  return values.length === 1 && values[0] === 'true';
};

const missingHeader = failure(
  status.INVALID_ARGUMENT,
  `security header missing from request: ${SECURITY_HEADER}`,
);
const noIdentity = failure(status.PERMISSION_DENIED, 'no identity issued');

const domainId = ({ trustDomain }: TrustBundle): string => `spiffe://${trustDomain}`;
/** DER certificates one after the other, as the specification wants them. */
const concatenated = (bundle: TrustBundle): Buffer => Buffer.concat([...bundle.x509Authorities]);

export function x509SvidMessage(svid: X509Svid, bundles: readonly TrustBundle[]): object {
  const [own, ...federated] = bundles;
  return {
    svids: [
      {
        spiffeId: svid.spiffeId,
        x509Svid: Buffer.concat(pemCertificates(svid.chain)),
        x509SvidKey: createPrivateKey(svid.key).export({ format: 'der', type: 'pkcs8' }),
        bundle: own === undefined ? Buffer.alloc(0) : concatenated(own),
        hint: '',
      },
    ],
    crl: [],
    federatedBundles: Object.fromEntries(
      federated
        .filter(({ x509Authorities }) => x509Authorities.length > 0)
        .map((bundle) => [domainId(bundle), concatenated(bundle)]),
    ),
  };
}

/** Writes what `message` makes now and whenever it is something else; ends with PERMISSION_DENIED when it makes nothing. */
function stream(
  source: WorkloadSource,
  call: ServerWritableStream<unknown, unknown>,
  message: () => object | null,
): void {
  if (!hasHeader(call.metadata)) return void call.emit('error', missingHeader);
  let last = '';
  let stop = (): void => {};
  const push = (): void => {
    const next = message();
    if (next === null) {
      stop();
      call.emit('error', noIdentity);
      return;
    }
    const text = JSON.stringify(next);
    if (text === last) return;
    last = text;
    call.write(next);
  };
  stop = source.onChange(push);
  call.on('cancelled', stop);
  call.on('close', stop);
  push();
}

export function workloadHandlers(source: WorkloadSource): UntypedServiceImplementation {
  const fetchX509Svid: handleServerStreamingCall<unknown, unknown> = (call) =>
    stream(source, call, () => (source.svid === null ? null : x509SvidMessage(source.svid, source.bundles)));
  const fetchX509Bundles: handleServerStreamingCall<unknown, unknown> = (call) =>
    stream(source, call, () =>
      source.svid === null
        ? null
        : { crl: [], bundles: Object.fromEntries(source.bundles.map((b) => [domainId(b), concatenated(b)])) },
    );
  const fetchJwtBundles: handleServerStreamingCall<unknown, unknown> = (call) =>
    stream(source, call, () =>
      source.svid === null
        ? null
        : {
            bundles: Object.fromEntries(
              source.bundles.map((b) => [domainId(b), Buffer.from(jwtKeySetText(b))]),
            ),
          },
    );
  const fetchJwtSvid: handleUnaryCall<unknown, unknown> = (call, answer) => {
    if (!hasHeader(call.metadata)) return answer(missingHeader);
    const { audience, spiffeId } = call.request as { audience: string[]; spiffeId: string };
    if (audience.length === 0) return answer(failure(status.INVALID_ARGUMENT, 'audience must be specified'));
    source.issueJwt(audience, spiffeId).then(
      (issued) => answer(null, { svids: [{ spiffeId: issued.spiffeId, svid: issued.token, hint: '' }] }),
      (error: unknown) => answer(refusalOf(error)),
    );
  };
  const validateJwtSvid: handleUnaryCall<unknown, unknown> = (call, answer) => {
    if (!hasHeader(call.metadata)) return answer(missingHeader);
    if (source.svid === null) return answer(noIdentity);
    const { audience, svid } = call.request as { audience: string; svid: string };
    if (audience === '' || svid === '')
      return answer(failure(status.INVALID_ARGUMENT, 'audience and svid must be specified'));
    const verified = source.validateJwt(svid, audience);
    if (typeof verified === 'string')
      return answer(failure(status.INVALID_ARGUMENT, `the JWT-SVID is not valid: ${verified}`));
    answer(null, { spiffeId: verified.spiffeId, claims: structOf(verified.claims) });
  };
  return {
    FetchX509SVID: fetchX509Svid,
    FetchX509Bundles: fetchX509Bundles,
    FetchJWTSVID: fetchJwtSvid,
    FetchJWTBundles: fetchJwtBundles,
    ValidateJWTSVID: validateJwtSvid,
  };
}

/** What a user may know of why not; everything else is this side's trouble. */
function refusalOf(error: unknown): ReturnType<typeof failure> {
  if (!(error instanceof IdentityError))
    return failure(status.UNAVAILABLE, 'the authority can not be reached');
  return failure(
    error.code === 'invalid' ? status.INVALID_ARGUMENT : status.PERMISSION_DENIED,
    error.message,
  );
}

/** JSON as google.protobuf.Struct. */
function structOf(value: Readonly<Record<string, unknown>>): object {
  return {
    fields: Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, protoValueOf(entry)])),
  };
}

function protoValueOf(value: unknown): object {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'number') return { numberValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (Array.isArray(value)) return { listValue: { values: value.map(protoValueOf) } };
  if (typeof value === 'object' && value !== null)
    return { structValue: structOf(value as Record<string, unknown>) };
  return { nullValue: 0 };
}
