// Answers of the service `service-identity`. Every issue needs one proof, and exactly one; which service it is comes from the proof alone.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type ServiceCall, type ServiceHandler, sendProblem } from '../../control/index.ts';
import { FetchError } from '../../net/index.ts';
import { IdentityError } from '../contract.ts';
import type { ServiceAuthority, ServiceEvent, X509Svid } from './authority.ts';
import { kubernetesIdentity } from './bindings.ts';
import { formatBundle } from './bundle.ts';
import { RequestError, readRequest } from './certificates.ts';
import type { Attestation, IssueProof } from './contract.ts';
import { hashJoinToken } from './join-token.ts';
import type { ClusterWitness } from './kubernetes.ts';
import { serviceOf } from './names.ts';

const MAX_BODY_BYTES = 65_536;

export interface IdentityHandlerParts {
  readonly authority: ServiceAuthority;
  readonly clusters: ReadonlyMap<string, ClusterWitness>;
  readonly nowMs: () => number;
  readonly onEvent: (event: ServiceEvent) => void;
}

interface Attested {
  readonly service: string;
  readonly attestation: Attestation;
  readonly proof: IssueProof;
}

/** `parts` is null while there is no authority. */
export const serviceIdentityHandler =
  (parts: () => IdentityHandlerParts | null): ServiceHandler =>
  async (request, response, call) => {
    const found = parts();
    if (found === null) return sendProblem(response, 'service-unavailable', call.exchangeId);
    try {
      await answer(found, request, response, call);
    } catch (error) {
      if (error instanceof FetchError) return sendProblem(response, 'service-unavailable', call.exchangeId);
      if (!(error instanceof IdentityError) && !(error instanceof RequestError)) throw error;
      const isMalformed = error instanceof RequestError || error.code === 'invalid';
      found.onEvent({
        kind: 'attestation-refused',
        subject: call.operation,
        details: { address: call.clientAddress, problem: error.message },
      });
      // Why a proof was no good is for the log: whoever guesses learns nothing from the answer.
      if (isMalformed) sendProblem(response, 'body-invalid', call.exchangeId, error.message);
      else sendProblem(response, 'credentials-invalid', call.exchangeId);
    }
  };

async function answer(
  parts: IdentityHandlerParts,
  request: IncomingMessage,
  response: ServerResponse,
  call: ServiceCall,
): Promise<void> {
  const { authority } = parts;
  switch (call.operation) {
    case 'getBundle': {
      const maxAge = Math.round(authority.config.refreshHintMs / 1000);
      return send(response, 'application/json', formatBundle(authority.bundle), `max-age=${maxAge}`);
    }
    case 'getRevocationLists':
      return send(response, 'application/x-pem-file', await authority.revocationLists(), 'no-cache');
    case 'issueX509Svid': {
      const body = await readBody(request);
      const { publicKey } = await readRequest(String(body['csr'] ?? ''));
      const { service, attestation, proof } = await attest(parts, body, call);
      const svid = await authority.issueX509(service, attestation, { publicKey, proof });
      return sendSvid(response, svid, authority.rootsPem);
    }
    case 'issueJwtSvid': {
      const body = await readBody(request);
      const audience = Array.isArray(body['audience']) ? body['audience'].map(String) : [];
      const { service } = await attestByCertificate(parts, call);
      if (!(await authority.store.serviceStands(service))) throw refused();
      const { spiffeId, token } = authority.issueJwt(service, audience);
      return send(response, 'application/json', JSON.stringify({ spiffeId, svid: token }), 'no-store');
    }
    default:
      sendProblem(response, 'operation-unknown', call.exchangeId);
  }
}

const refused = (): IdentityError => new IdentityError('unknown', 'the proof is not good');

async function attest(
  parts: IdentityHandlerParts,
  body: Readonly<Record<string, unknown>>,
  call: ServiceCall,
): Promise<Attested> {
  const { joinToken, kubernetes } = body;
  if (joinToken !== undefined && kubernetes !== undefined)
    throw new IdentityError('invalid', 'one proof is enough');
  if (joinToken !== undefined) {
    const sha256 = hashJoinToken(String(joinToken));
    const service = sha256 === null ? null : await parts.authority.store.tokenOwner(sha256, parts.nowMs());
    if (service === null) throw refused();
    return { service, attestation: 'join-token', proof: { kind: 'token', sha256: sha256! } };
  }
  if (kubernetes !== undefined) {
    const { cluster, token } = kubernetes as { cluster?: unknown; token?: unknown };
    const witness = parts.clusters.get(String(cluster));
    const account = witness === undefined ? null : await witness.attest(String(token));
    if (account === null) throw refused();
    const identity = kubernetesIdentity(String(cluster), account.namespace, account.account);
    const binding = await parts.authority.store.bindingOf(identity);
    if (binding === null) throw refused();
    return { service: binding.principal, attestation: 'kubernetes', proof: { kind: 'attested' } };
  }
  return attestByCertificate(parts, call);
}

/** By the certificate of the connection, which the listener has verified: an SVID of this authority, or one that is bound. */
async function attestByCertificate(parts: IdentityHandlerParts, call: ServiceCall): Promise<Attested> {
  const { authority } = parts;
  const { certificate } = call;
  if (certificate === null) throw refused();
  const attested = (service: string): Attested => ({
    service,
    attestation: 'certificate',
    proof: { kind: 'attested' },
  });
  const { trustDomain } = authority.config;
  const own = certificate.identities.find((identity) =>
    identity.startsWith(`spiffe:spiffe://${trustDomain}/`),
  );
  if (own !== undefined) {
    const service = serviceOf(trustDomain, own.slice('spiffe:'.length));
    const record = await authority.store.svidByFingerprint(certificate.fingerprint);
    // INVARIANT: an SVID that is not written down, or was withdrawn, renews nothing.
    if (service === null || record === null || record.principal !== service || record.revokedMs !== null)
      throw refused();
    return attested(service);
  }
  const owners = new Set<string>();
  for (const identity of [`sha256:${certificate.fingerprint}`, ...certificate.identities]) {
    const binding = await authority.store.bindingOf(identity);
    if (binding !== null) owners.add(binding.principal);
  }
  const [owner, other] = owners;
  if (owner === undefined || other !== undefined) throw refused();
  return attested(owner);
}

function sendSvid(response: ServerResponse, svid: X509Svid, bundle: string): void {
  const { spiffeId, chain, serial, notBeforeMs, notAfterMs } = svid;
  const body = { spiffeId, chain, bundle, serial, notBeforeMs, notAfterMs };
  send(response, 'application/json', JSON.stringify(body), 'no-store');
}

function send(response: ServerResponse, type: string, body: string, cache: string): void {
  response.writeHead(200, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': cache,
  });
  response.end(body);
}

async function readBody(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > MAX_BODY_BYTES) throw new IdentityError('invalid', 'the body is too long');
    chunks.push(chunk as Buffer);
  }
  try {
    const value: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new IdentityError('invalid', 'the body is no JSON object');
}
