// Envoy's secret discovery service: certificates and trust for an Envoy at the socket, by names. Sent when asked for and whenever they
// change; an answer that Envoy refuses (NACK) is not sent again until there is another.
//
// Names, as Envoys that knew SPIRE have them: the SPIFFE id or `default` is the certificate, `spiffe://<domain>` the trust of one domain,
// `ROOTCA` that of the own domain, `ALL` of every domain with each authority held to its domain.
import { createHash, randomBytes } from 'node:crypto';
import {
  type handleBidiStreamingCall,
  type handleUnaryCall,
  type ServerDuplexStream,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { type TrustBundle, x509AuthoritiesOf } from '../identity/index.ts';
import type { WorkloadSource } from './contract.ts';
import { type AnyMessage, packAny, SECRET_TYPE } from './protocol.ts';

/** Names that one stream may ask for. */
const MAX_NAMES = 100;
const SPIFFE_VALIDATOR = 'envoy.tls.cert_validator.spiffe';

export type OnNack = (names: readonly string[], message: string) => void;

const inline = (text: string): object => ({ inlineBytes: Buffer.from(text) });

/** The secret that `name` means here; null for none. */
export function secretOf(source: WorkloadSource, name: string): AnyMessage | null {
  const { svid, bundles } = source;
  if (svid === null) return null;
  if (name === 'default' || name === svid.spiffeId)
    return packAny('Secret', {
      name,
      tlsCertificate: { certificateChain: inline(svid.chain), privateKey: inline(svid.key) },
    });
  if (name === 'ALL')
    return packAny('Secret', {
      name,
      validationContext: {
        customValidatorConfig: {
          name: SPIFFE_VALIDATOR,
          typedConfig: packAny('SPIFFECertValidatorConfig', {
            trustDomains: withAuthorities(bundles).map((bundle) => ({
              name: bundle.trustDomain,
              trustBundle: inline(x509AuthoritiesOf(bundle)),
            })),
          }),
        },
      },
    });
  const found = withAuthorities(bundles).find(
    (bundle, index) => name === `spiffe://${bundle.trustDomain}` || (name === 'ROOTCA' && index === 0),
  );
  if (found === undefined) return null;
  return packAny('Secret', { name, validationContext: { trustedCa: inline(x509AuthoritiesOf(found)) } });
}

const withAuthorities = (bundles: readonly TrustBundle[]): TrustBundle[] =>
  bundles.filter(({ x509Authorities }) => x509Authorities.length > 0);

/** Moves exactly when the secret does. */
const versionOf = (secret: AnyMessage): string =>
  createHash('sha256').update(secret.value).digest('base64url').slice(0, 22);

const newNonce = (): string => randomBytes(9).toString('base64url');

interface Request {
  readonly typeUrl: string;
  readonly responseNonce: string;
  readonly errorDetail: { readonly code: number; readonly message: string } | null;
}
interface StateOfTheWorldRequest extends Request {
  readonly resourceNames: readonly string[];
}
interface DeltaRequest extends Request {
  readonly resourceNamesSubscribe: readonly string[];
  readonly resourceNamesUnsubscribe: readonly string[];
  readonly initialResourceVersions: Readonly<Record<string, string>>;
}

type Duplex = ServerDuplexStream<unknown, unknown>;

const refuse = (call: Duplex, code: number, details: string): void =>
  void call.emit('error', { code, details });

/** Whether the request is about secrets; the first may leave the type out. */
const isForSecrets = ({ typeUrl }: Request): boolean => typeUrl === '' || typeUrl === SECRET_TYPE;

const wrongType = 'only secrets are served here';
const tooMany = `a stream may ask for ${MAX_NAMES} secrets`;

/** Follows one stream: `take` gets each request, `push` runs on changes. */
function follow<R extends Request>(
  source: WorkloadSource,
  call: Duplex,
  take: (request: R) => boolean,
  push: () => void,
): void {
  const stop = source.onChange(push);
  call.on('data', (message: R) => {
    if (!isForSecrets(message)) return refuse(call, status.INVALID_ARGUMENT, wrongType);
    if (take(message)) push();
  });
  call.on('end', () => {
    stop();
    call.end();
  });
  for (const event of ['cancelled', 'close', 'error']) call.on(event, stop);
}

function streamSecrets(source: WorkloadSource, call: Duplex, onNack: OnNack): void {
  let names: readonly string[] | null = null;
  let [sent, nonce] = ['', ''];
  const push = (): void => {
    if (names === null) return;
    const found = names.flatMap((name) => secretOf(source, name) ?? []);
    const version = createHash('sha256').update(found.map(versionOf).join()).digest('base64url').slice(0, 22);
    // Nothing there, or nothing new: Envoy waits.
    if (found.length === 0 || version === sent) return;
    [sent, nonce] = [version, newNonce()];
    call.write({ versionInfo: version, resources: found, typeUrl: SECRET_TYPE, nonce });
  };
  follow<StateOfTheWorldRequest>(
    source,
    call,
    (request) => {
      if (request.responseNonce !== '' && request.responseNonce !== nonce) return false;
      if (request.errorDetail !== null) onNack(request.resourceNames, request.errorDetail.message);
      if (request.resourceNames.length > MAX_NAMES) {
        refuse(call, status.INVALID_ARGUMENT, tooMany);
        return false;
      }
      const wanted = [...new Set(request.resourceNames)];
      const isNew =
        names === null || wanted.length !== names.length || wanted.some((name) => !names!.includes(name));
      // Other names are answered even when what is found is the same.
      if (isNew) sent = '';
      names = wanted;
      return isNew;
    },
    push,
  );
}

function deltaSecrets(source: WorkloadSource, call: Duplex, onNack: OnNack): void {
  /** Names with the version that Envoy has or was sent; empty for none. */
  const known = new Map<string, string>();
  const push = (): void => {
    const resources: object[] = [];
    const removed: string[] = [];
    for (const [name, has] of known) {
      const secret = secretOf(source, name);
      const version = secret === null ? '' : versionOf(secret);
      if (version === has) continue;
      known.set(name, version);
      if (secret === null) removed.push(name);
      else resources.push({ name, version, resource: secret });
    }
    if (resources.length === 0 && removed.length === 0) return;
    call.write({
      systemVersionInfo: '',
      resources,
      typeUrl: SECRET_TYPE,
      nonce: newNonce(),
      removedResources: removed,
    });
  };
  follow<DeltaRequest>(
    source,
    call,
    (request) => {
      if (request.errorDetail !== null) onNack([...known.keys()], request.errorDetail.message);
      for (const name of request.resourceNamesUnsubscribe) known.delete(name);
      for (const name of request.resourceNamesSubscribe)
        known.set(name, request.initialResourceVersions[name] ?? '');
      if (known.size > MAX_NAMES) {
        refuse(call, status.INVALID_ARGUMENT, tooMany);
        return false;
      }
      return request.resourceNamesSubscribe.length > 0;
    },
    push,
  );
}

/** `onNack` hears of what an Envoy refused. */
export function secretHandlers(source: WorkloadSource, onNack: OnNack): UntypedServiceImplementation {
  const stream: handleBidiStreamingCall<unknown, unknown> = (call) => streamSecrets(source, call, onNack);
  const delta: handleBidiStreamingCall<unknown, unknown> = (call) => deltaSecrets(source, call, onNack);
  const fetch: handleUnaryCall<unknown, unknown> = (call, answer) => {
    const request = call.request as StateOfTheWorldRequest;
    if (!isForSecrets(request)) return answer({ code: status.INVALID_ARGUMENT, details: wrongType });
    if (request.resourceNames.length > MAX_NAMES)
      return answer({ code: status.INVALID_ARGUMENT, details: tooMany });
    const found = request.resourceNames.flatMap((name) => secretOf(source, name) ?? []);
    if (found.length === 0) return answer({ code: status.NOT_FOUND, details: 'there is no such secret' });
    answer(null, {
      versionInfo: versionOf(found[0]!),
      resources: found,
      typeUrl: SECRET_TYPE,
      nonce: newNonce(),
    });
  };
  return { StreamSecrets: stream, DeltaSecrets: delta, FetchSecrets: fetch };
}
