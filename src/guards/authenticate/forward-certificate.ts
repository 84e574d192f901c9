// Tells the service of the verified certificate that the connection was made with. What the client itself sent under
// these names has been removed before. HOT
import { type Exchange, type Guard, noHooks } from '../../exchange/index.ts';

/** Guard that adds the fields; null where the service is not told. */
export function compileForwardCertificate(as: 'none' | 'client-cert' | 'xfcc'): Guard | null {
  if (as === 'none') return null;
  const onRequest = (exchange: Exchange): null => {
    const certificate = exchange.clientCertificate;
    if (certificate === null || certificate.problem !== '') return null;
    const { upstreamFields } = exchange;
    if (as === 'xfcc') upstreamFields.push('x-forwarded-client-cert', certificate.forwardedField);
    else {
      upstreamFields.push('client-cert', certificate.field);
      if (certificate.chainField !== '') upstreamFields.push('client-cert-chain', certificate.chainField);
    }
    return null;
  };
  return { ...noHooks, name: 'authenticate', onRequest };
}
