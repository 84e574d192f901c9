// The control plane's own API and its console: subscribed to the stream of records from the start where the configuration has
// them, and loaded with the first request.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  type AdminParts,
  type AdminService,
  ConsoleSessions,
  type GateFacts,
  Traffic,
} from '../admin/index.ts';
import { permissionsOf } from '../admin-api/index.ts';
import type { GateConfig } from '../config/index.ts';
import type { ServiceHandler } from '../control/index.ts';
import { systemClock } from '../core/index.ts';
import { IdentityRegistry } from '../identity/index.ts';
import type { State } from '../stores/index.ts';
import type { GateLog, RecordStream } from '../telemetry/index.ts';
import { version } from './version.ts';

/** How long the first link is good, ms. */
const FIRST_LINK_MS = 3_600_000;
const FIRST_USER = 'admin';
/** How often ended sessions are removed, ms. */
const PRUNE_MS = 3_600_000;

export interface AdminPlaneParts
  extends Pick<AdminParts, 'config' | 'state' | 'reload' | 'refresh' | 'audit' | 'note' | 'bans'> {
  readonly log: GateLog;
  readonly facts: () => Omit<GateFacts, 'version' | 'startedMs'>;
}

/** Built assets: beside the code in the package, in `dist` of a clone. */
export function consoleFolder(): string {
  const places = ['../console', '../../dist/console'].map((place) =>
    fileURLToPath(new URL(place, import.meta.url)),
  );
  return places.find((place) => existsSync(`${place}/index.html`)) ?? places[1]!;
}

const isAdmin = ({ service }: GateConfig['apis'][number]): boolean => service === 'admin';

/** Where people reach the console; null where none is served. */
export function consoleUrl(
  config: GateConfig,
  listeners: readonly {
    readonly name: string;
    readonly host: string;
    readonly port: number;
    readonly tls: boolean;
  }[],
): string | null {
  const api = config.apis.find(isAdmin);
  const listener = listeners.find(({ name }) => api?.listeners.includes(name));
  if (api === undefined || listener === undefined) return null;
  const isLocal = /^(?:127\.|::1$|localhost$)/.test(listener.host);
  // A name, not an address: passkeys belong to names.
  const host =
    api.hosts[0] ??
    (isLocal ? 'localhost' : listener.host.includes(':') ? `[${listener.host}]` : listener.host);
  return `${listener.tls ? 'https' : 'http'}://${host}:${listener.port}${api.base}`;
}

export class AdminPlane {
  readonly #parts: AdminPlaneParts;
  readonly #startedMs = systemClock.epochMs();
  readonly #traffic: Traffic;
  #service: Promise<AdminService> | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(parts: AdminPlaneParts) {
    this.#parts = parts;
    this.#traffic = new Traffic(this.#startedMs, (name) =>
      parts.config().apis.some((api) => api.name === name && isAdmin(api)),
    );
  }

  /** Subscribes where the configuration has the service; one that comes with a reload sees traffic after a restart. */
  start(config: GateConfig, stream: RecordStream): void {
    if (!config.apis.some(isAdmin)) return;
    stream.subscribe(this.#traffic);
    this.#timer = setInterval(() => void this.#prune(), PRUNE_MS);
    this.#timer.unref();
  }

  async #prune(): Promise<void> {
    const state = this.#parts.state();
    if (state === null) return;
    try {
      await new ConsoleSessions(state.oauth, systemClock).prune();
    } catch (error) {
      this.#parts.log.write('warning', 'console', { problem: (error as Error).message });
    }
  }

  readonly handler: ServiceHandler = async (request, response, call) => {
    this.#service ??= this.#load();
    return (await this.#service).handle(request, response, call);
  };

  async #load(): Promise<AdminService> {
    const { facts, ...parts } = this.#parts;
    const { AdminService } = await import('../admin/service.ts');
    return new AdminService(
      {
        ...parts,
        facts: () => ({ ...facts(), version, startedMs: this.#startedMs }),
        clock: systemClock,
        assets: consoleFolder(),
      },
      this.#traffic,
    );
  }

  /** See `GateConsole`. Makes the user `admin`, without any way to sign in but the link. */
  async firstLink(url: string): Promise<string | null> {
    const state = this.#parts.state();
    if (state === null || (await hasAdministrator(state))) return null;
    const sessions = new ConsoleSessions(state.oauth, systemClock);
    const { token } = await sessions.invite(FIRST_USER, 'administrator', FIRST_LINK_MS);
    return `${url}/#/enrol/${token}`;
  }

  async close(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await (await this.#service)?.close();
  }
}

/** Whether somebody who can sign in may do everything. */
export async function hasAdministrator(state: State): Promise<boolean> {
  const users = await new IdentityRegistry(state.identity, systemClock).principals('user');
  for (const { id, scopes, disabledMs } of users) {
    if (disabledMs !== null || !permissionsOf(scopes).permissions.has('members:write')) continue;
    const kinds = (await state.oauth.credentials(id)).map(({ kind }) => kind);
    if (kinds.some((kind) => kind === 'password' || kind === 'passkey')) return true;
  }
  return false;
}
