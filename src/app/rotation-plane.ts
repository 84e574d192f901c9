// Rotation as a whole: keys of the gate rotate where they live, each on its own schedule; here is told that they did, and what
// only others can replace is counted and reported when it grows old: API keys, secrets of clients, an issuing authority whose
// root's key is elsewhere.
import type { AuditEvent } from '../audit/index.ts';
import type { GateConfig } from '../config/index.ts';
import { systemClock } from '../core/index.ts';
import { issuingDue, type RotationHooks, type RotationReport } from '../identity/index.ts';
import type { State } from '../stores/index.ts';
import type { GateLog, MetricsRegistry } from '../telemetry/index.ts';

/** Rows of a page. */
const PAGE = 500;
/** The first report comes when everything has started, ms. */
const FIRST_MS = 60_000;

/** Tells the log and the trail of keys that were made. */
export const rotationHooks = (
  log: GateLog,
  audit: (event: AuditEvent) => void,
): Required<Pick<RotationHooks, 'onRotated' | 'onProblem'>> => ({
  onRotated: ({ purpose, current, next }: RotationReport) => {
    const key = next?.id ?? current;
    log.write('info', 'signing-key-created', { purpose, key });
    audit({
      action: 'identity.event',
      outcome: 'success',
      actor: { kind: 'system', id: 'gate' },
      target: { kind: 'key', id: key },
      address: '',
      details: { event: 'key.rotate', purpose },
    });
  },
  onProblem: (problem) => log.write('error', 'rotation-failed', { problem }),
});

/** Something that is older than it should be, and that the gate can not replace by itself. */
export interface Overdue {
  readonly kind: 'api-key' | 'client-secret' | 'issuing-authority';
  readonly id: string;
  readonly owner: string;
  /** When it was made; of an authority, when the next was due, ms. */
  readonly sinceMs: number;
  readonly lastUsedMs: number | null;
}

/** What is older than `maxAgeMs`, or due. */
export async function overdueCredentials(
  state: State,
  { services }: Pick<GateConfig, 'services'>,
  maxAgeMs: number,
  nowMs: number,
): Promise<readonly Overdue[]> {
  const out: Overdue[] = [];
  for (let after = ''; ; ) {
    const page = await state.identity.keys('', after, PAGE);
    for (const { id, principal, createdMs, expiresMs, revokedMs, lastUsedMs } of page)
      if (revokedMs === null && (expiresMs === null || expiresMs > nowMs) && nowMs - createdMs > maxAgeMs)
        out.push({ kind: 'api-key', id, owner: principal, sinceMs: createdMs, lastUsedMs });
    if (page.length < PAGE) break;
    after = page.at(-1)!.id;
  }
  for (let after = ''; ; ) {
    const page = await state.oauth.clients(after, PAGE);
    for (const { id, disabledMs, settings } of page) {
      // A secret that ends has a successor already.
      const current = settings.secrets.find(({ untilMs }) => untilMs === null);
      if (disabledMs === null && current !== undefined && nowMs - current.createdMs > maxAgeMs)
        out.push({ kind: 'client-secret', id, owner: id, sinceMs: current.createdMs, lastUsedMs: null });
    }
    if (page.length < PAGE) break;
    after = page.at(-1)!.id;
  }
  if (services !== null) {
    const { dueMs, authority } = issuingDue(await state.services.authorities(services.trustDomain), nowMs);
    if (dueMs !== null && dueMs <= nowMs && authority !== null)
      out.push({
        kind: 'issuing-authority',
        id: authority.id,
        owner: services.trustDomain,
        sinceMs: dueMs,
        lastUsedMs: null,
      });
  }
  return out;
}

export class RotationPlane {
  readonly #log: GateLog;
  #state: State | null = null;
  #config: GateConfig | null = null;
  #timer: NodeJS.Timeout | null = null;
  #everyMs = 0;
  #overdue: readonly Overdue[] | null = null;

  constructor(log: GateLog) {
    this.#log = log;
  }

  configure(config: GateConfig, state: State | null): void {
    this.#config = config;
    this.#state = state;
    const { reportMs } = config.rotation;
    if (this.#everyMs === reportMs && this.#timer !== null) return;
    this.close();
    if (state === null) return;
    this.#everyMs = reportMs;
    this.#plan(Math.min(FIRST_MS, reportMs));
  }

  #plan(inMs: number): void {
    this.#timer = setTimeout(() => {
      this.#plan(this.#everyMs);
      void this.report();
    }, inMs);
    this.#timer.unref();
  }

  /** Counts and tells what is old. Never rejects. */
  async report(): Promise<void> {
    const [config, state] = [this.#config, this.#state];
    if (config === null || state === null) return;
    try {
      const overdue = await overdueCredentials(
        state,
        config,
        config.rotation.maxAgeMs,
        systemClock.epochMs(),
      );
      this.#overdue = overdue;
      const count = (kind: Overdue['kind']): number => overdue.filter((entry) => entry.kind === kind).length;
      this.#log.write(overdue.length === 0 ? 'info' : 'warning', 'rotation-report', {
        apiKeys: count('api-key'),
        clientSecrets: count('client-secret'),
        issuingAuthorities: count('issuing-authority'),
        oldest: overdue.toSorted((a, b) => a.sinceMs - b.sinceMs)[0]?.id ?? '',
      });
    } catch (error) {
      this.#log.write('error', 'rotation-failed', { problem: (error as Error).message });
    }
  }

  addGauges(registry: MetricsRegistry): void {
    registry.gauge({
      name: 'gatewright_credentials_overdue',
      type: 'gauge',
      help: 'Credentials that are older than identity.rotation.max-age, or due, and that somebody has to replace.',
      samples: () =>
        this.#overdue === null
          ? []
          : (['api-key', 'client-secret', 'issuing-authority'] as const).map((kind) => ({
              labels: { kind },
              value: this.#overdue!.filter((entry) => entry.kind === kind).length,
            })),
    });
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
