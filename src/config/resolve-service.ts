// APIs that the gate's own services answer: their contract comes with the product, their upstream is the control plane.
import type { ServiceDescription } from '../control/contract.ts';
import type { Contract } from '../openapi/document.ts';
import type { ConfigDocument } from './document.ts';
import type { UpstreamConfig } from './gate-config.ts';
import { fail, failDangling, type ResolveContext } from './resolve.ts';
import { serviceCatalogue } from './service-catalogue.ts';

type ApiDocument = ConfigDocument['apis'][string];

/** No name of a user's upstream has a colon. */
export const controlUpstream = 'gatewright:control';

/** The service that `entry` names; null where it names none, or one that is not there, which is reported. */
export function serviceOf(
  name: string,
  entry: ApiDocument,
  document: ConfigDocument,
  context: ResolveContext,
): ServiceDescription | null {
  if (entry.service === undefined) return null;
  const path = ['apis', name];
  for (const key of ['contract', 'grpc', 'upstream'] as const) {
    if (entry[key] === undefined) continue;
    fail(
      context,
      'config-contract',
      [...path, key],
      `"${name}" is answered by the gate's own service "${entry.service}", which has no use for "${key}".`,
      'Remove one of the two.',
    );
  }
  const found = serviceCatalogue.find((service) => service.name === entry.service);
  if (found === undefined) {
    const known = serviceCatalogue.map((service) => service.name);
    failDangling(context, [...path, 'service'], 'service', entry.service, known);
  }
  if (found?.internalOnly === true && entry.exposure !== 'internal') {
    fail(
      context,
      'config-exposure',
      path,
      `The service "${entry.service}" is for internal listeners alone.`,
      'Add "exposure: internal" to it, and a listener with that exposure.',
    );
  }
  if (found?.needsState === true && document.state === undefined) {
    fail(
      context,
      'config-state-missing',
      path,
      `The service "${entry.service}" has no place for what it keeps.`,
      'Add "state: { sqlite: ./state.db }", or a PostgreSQL.',
    );
  }
  return found ?? null;
}

export const contractOfService = (service: ServiceDescription): Contract => ({
  title: service.summary,
  document: service.document,
  version: '3.1',
  operations: [...service.operations],
  securitySchemes: {},
});

/** Services wait for databases and people's passwords, and are never slower than this without being broken, ms. */
const FIRST_BYTE_MS = 60_000;

/** The upstream of all services: this process. */
export const controlUpstreamConfig: UpstreamConfig = {
  name: controlUpstream,
  isControl: true,
  targets: [],
  protocol: 'http1',
  tls: {
    certificate: '',
    key: '',
    svid: false,
    domains: [],
    ca: '',
    crl: '',
    serverName: '',
    spiffeIds: [],
    minVersion: 'TLSv1.3',
  },
  clientCertificate: 'none',
  balance: 'least-request',
  hashOn: 'address',
  health: null,
  // One endpoint that is always there: leaving it out would help nobody, and one service's failures are not another's.
  ejection: { consecutiveFailures: Number.MAX_SAFE_INTEGER, baseMs: 1000, maxMs: 1000 },
  breaker: {
    failureRatio: 1,
    minimumRequests: Number.MAX_SAFE_INTEGER,
    windowMs: 10_000,
    openMs: 1000,
    maxInFlight: 256,
  },
  adaptive: null,
  retries: { attempts: 0, budget: 0, statuses: [] },
  timeouts: { connectMs: 2000, firstByteMs: FIRST_BYTE_MS, totalMs: 0, idleMs: FIRST_BYTE_MS },
  slowStartMs: 0,
  resolveMs: 60_000,
  host: 'client',
  maxIdle: 32,
};
