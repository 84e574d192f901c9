// Certificates of the listeners as the composition root joins them: the manager, its messages to the data plane, and
// what metrics say of it.
import type { GateConfig } from '../config/index.ts';
import { systemClock } from '../core/index.ts';
import type { WorkerSupervisor } from '../gateway/index.ts';
import { CertificateManager } from '../identity/certificates/index.ts';
import { type ClientTrust, parseRevocationList, type TrustAnchors } from '../net/tls/index.ts';
import type { GateLog, MetricsRegistry } from '../telemetry/index.ts';

export function createCertificates(
  log: GateLog,
  supervisor: () => WorkerSupervisor,
  anchorsOf: (trustDomain: string) => readonly TrustAnchors[],
): CertificateManager {
  return new CertificateManager({
    clock: systemClock,
    anchorsOf,
    log: (level, event, details) => log.write(level, event, details),
    onMaterial: (material) => supervisor().broadcast({ kind: 'tls', material }),
    publishChallenges: (challenges) => supervisor().publishChallenges(challenges),
  });
}

export function addCertificateGauges(
  registry: MetricsRegistry,
  certificates: CertificateManager,
  listeners: () => GateConfig['listeners'],
): void {
  registry.gauge({
    name: 'gatewright_certificate_expiry_timestamp_seconds',
    type: 'gauge',
    help: 'When the certificate of a listener ends, seconds since the epoch.',
    samples: () =>
      certificates.views.map(({ listener, label, source, notAfterMs }) => ({
        labels: { listener, certificate: label, source },
        value: Math.floor(notAfterMs / 1000),
      })),
  });
  registry.gauge({
    name: 'gatewright_staple_expiry_timestamp_seconds',
    type: 'gauge',
    help: 'When the stapled OCSP answer of a certificate ends, seconds since the epoch; 0 while there is none.',
    samples: () =>
      certificates.views.flatMap(({ listener, label, stapleUntilMs }) =>
        stapleUntilMs === null
          ? []
          : [{ labels: { listener, certificate: label }, value: Math.floor(stapleUntilMs / 1000) }],
      ),
  });
  registry.gauge({
    name: 'gatewright_revocation_list_expiry_timestamp_seconds',
    type: 'gauge',
    help: 'When the first revocation list of a listener ends, seconds since the epoch.',
    samples: () =>
      listeners().flatMap(({ name, tls }) => {
        const clients = tls?.settings.clients ?? null;
        const ends = clients === null ? [] : endsOf(clients);
        return ends.length === 0
          ? []
          : [{ labels: { listener: name }, value: Math.floor(Math.min(...ends) / 1000) }];
      }),
  });
  registry.gauge({
    name: 'gatewright_certificate_orders_total',
    type: 'counter',
    help: 'ACME orders of the sources in use, by result.',
    samples: () => {
      const { success, failure } = certificates.orders;
      return [
        { labels: { result: 'success' }, value: success },
        { labels: { result: 'failure' }, value: failure },
      ];
    },
  });
}

/** Ends of lists by the settings that hold them: lists can be long, and metrics are asked for often. */
const knownEnds = new WeakMap<ClientTrust, readonly number[]>();

function endsOf(clients: ClientTrust): readonly number[] {
  let ends = knownEnds.get(clients);
  if (ends === undefined) {
    ends = clients.revocations
      .flatMap((pem) => parseRevocationList(pem))
      .flatMap(({ nextUpdateMs }) => (nextUpdateMs === null ? [] : [nextUpdateMs]));
    knownEnds.set(clients, ends);
  }
  return ends;
}
