// The guard that tells a service of the control plane who calls what.
import { type Exchange, type Guard, noHooks } from '../exchange/index.ts';
import { callField, encodeCall, secretField } from './call-fields.ts';
import type { ServiceCaller, ServiceCertificate, ShownCertificate } from './contract.ts';

/** Guard for all operations of the API `api` at `base`, answered by `service`. */
export function compileForwardCall(service: string, api: string, base: string, secret: string): Guard {
  const onRequest = (exchange: Exchange): null => {
    const call = encodeCall({
      service,
      api,
      operation: exchange.operation?.id ?? '',
      params: exchange.params,
      base,
      path: exchange.path,
      caller: callerOf(exchange),
      certificate: certificateOf(exchange),
      shown: shownBy(exchange),
      clientAddress: exchange.clientAddress,
      listener: exchange.listener,
      secure: exchange.secure,
      authority: exchange.authority,
      exchangeId: exchange.id,
      traceId: exchange.traceId,
    });
    exchange.upstreamFields.push(secretField, secret, callField, call);
    // Node's HTTP parser does not know every method that a service may have; `operation` says which it was.
    if (exchange.method === 'LIST') exchange.method = 'GET';
    return null;
  };
  return { ...noHooks, name: 'authenticate', onRequest };
}

function callerOf({ consumer }: Exchange): ServiceCaller | null {
  if (consumer === null) return null;
  const { id, method, scopes, claims, credentialId } = consumer;
  return { id, method, scopes: [...scopes], claims, credentialId };
}

function certificateOf({ clientCertificate }: Exchange): ServiceCertificate | null {
  if (clientCertificate === null || clientCertificate.problem !== '') return null;
  const { identities, fingerprint, field } = clientCertificate;
  return { identities, fingerprint, field };
}

function shownBy({ clientCertificate }: Exchange): ShownCertificate | null {
  if (clientCertificate === null) return null;
  const { encoded, fingerprint, issuers, problem, notAfterMs } = clientCertificate;
  return {
    encoded,
    fingerprint,
    issuers,
    problem,
    notAfterMs: Number.isFinite(notAfterMs) ? notAfterMs : 0,
  };
}
