// Certificates of the listeners as the composition root joins them: the manager, its messages to the data plane, and
// what metrics say of it.
import { systemClock } from '../core/index.ts';
import type { WorkerSupervisor } from '../gateway/index.ts';
import { CertificateManager } from '../identity/certificates/index.ts';
import type { GateLog, MetricsRegistry } from '../telemetry/index.ts';

export function createCertificates(log: GateLog, supervisor: () => WorkerSupervisor): CertificateManager {
  return new CertificateManager({
    clock: systemClock,
    log: (level, event, details) => log.write(level, event, details),
    onMaterial: (material) => supervisor().broadcast({ kind: 'tls', material }),
    publishChallenges: (challenges) => supervisor().publishChallenges(challenges),
  });
}

export function addCertificateGauges(registry: MetricsRegistry, certificates: CertificateManager): void {
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
