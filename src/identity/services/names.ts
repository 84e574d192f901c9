// One service, one id: the name of a service in the state is the path of its SPIFFE id, so that no table can map two services
// to one id or one id to two services.
import { isTrustDomain, parseSpiffeId } from '../../net/tls/index.ts';
import { IdentityError } from '../contract.ts';

/** Id of the service `name`; rejects names that are no path (SPIFFE-ID section 2.2). */
export function spiffeIdOf(trustDomain: string, name: string): string {
  const text = `spiffe://${trustDomain}/${name}`;
  if (!isTrustDomain(trustDomain) || (parseSpiffeId(text)?.path ?? '') === '')
    throw new IdentityError(
      'invalid',
      `"${name}" can be no SPIFFE id: use letters, digits, ".", "_", "-" and "/" between parts`,
    );
  return text;
}

/** Name of the service that `id` means here; null when it is no workload's id of this trust domain. */
export function serviceOf(trustDomain: string, id: string): string | null {
  const parsed = parseSpiffeId(id);
  return parsed === null || parsed.path === '' || parsed.trustDomain !== trustDomain
    ? null
    : parsed.path.slice(1);
}
