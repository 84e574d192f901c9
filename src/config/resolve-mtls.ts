// Client certificates from end to end: an operation that takes them needs a listener that asks for them, and an identity
// needs an authority that may give it.
import { singleMethods } from '../guards/authenticate/contract.ts';
import { parseSpiffeId } from '../net/tls/index.ts';
import type { ConfigDocument } from './document.ts';
import type { ApiConfig, ListenerConfig } from './gate-config.ts';
import { fail, type ResolveContext } from './resolve.ts';
import { hasMethod } from './resolve-identity.ts';

export function reportMtls(
  document: ConfigDocument,
  listeners: readonly ListenerConfig[],
  apis: readonly ApiConfig[],
  context: ResolveContext,
): void {
  const asking = new Set(
    listeners.filter(({ tls }) => (tls?.settings.clients ?? null) !== null).map(({ name }) => name),
  );
  const domains = new Set(
    listeners.flatMap(({ tls }) => [
      ...(tls?.settings.clients?.anchors.map(({ trustDomain }) => trustDomain) ?? []),
      ...(tls?.settings.clients?.domains ?? []),
    ]),
  );
  const checkDomain = (trustDomain: string, path: readonly (string | number)[]): void => {
    if (domains.has(trustDomain)) return;
    fail(
      context,
      'config-trust-domain',
      path,
      `No listener trusts an authority for the trust domain ${trustDomain}.`,
      `Write it with the authority: trust: [ { file: ./ca.pem, trust-domain: ${trustDomain} } ].`,
    );
  };
  for (const [name, consumer] of Object.entries(document.identity.consumers)) {
    consumer.certificates.forEach((entry, index) => {
      if ('spiffe' in entry)
        checkDomain(parseSpiffeId(entry.spiffe)?.trustDomain ?? '', [
          'identity',
          'consumers',
          name,
          'certificates',
          index,
        ]);
    });
  }
  for (const api of apis) {
    const deaf = api.operations.filter(
      (operation) =>
        hasMethod(operation.authenticate, 'mtls') &&
        operation.listeners.length > 0 &&
        !operation.listeners.some((listener) => asking.has(listener)),
    );
    if (deaf.length > 0)
      fail(
        context,
        'config-mtls-listener',
        ['apis', api.name],
        `Client certificates identify callers of ${deaf.map(({ id }) => id).join(', ')}, and no listener of "${api.name}" asks for them.`,
        'Add "clients: require" or "clients: optional" with "trust" to the tls of a listener.',
      );
    for (const operation of api.operations) {
      for (const method of singleMethods(operation.authenticate)) {
        if (method.kind !== 'mtls') continue;
        for (const pattern of method.spiffe)
          checkDomain(pattern.split('/')[2] ?? '', ['apis', api.name, 'authenticate']);
      }
    }
  }
}
