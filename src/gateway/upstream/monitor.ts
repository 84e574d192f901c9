// The main thread's eyes on one upstream: resolves names again and again, keeps the last good answer when that
// fails, and checks every endpoint's health once for all threads.
import { lookup } from 'node:dns/promises';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { compileUpstreamTls, type GateIdentity, noGateIdentity } from '../../net/tls/index.ts';
import type { MonitorSettings } from './contract.ts';
import type { EndpointUpdate } from './endpoint.ts';
import { askHttp2 } from './health-check.ts';

export type Resolve = (host: string) => Promise<readonly string[]>;

const systemResolve: Resolve = async (host) =>
  (await lookup(host, { all: true })).map((entry) => entry.address);

interface Watched {
  readonly key: string;
  readonly host: string;
  readonly address: string;
  readonly port: number;
  readonly tls: boolean;
  readonly weight: number;
  healthy: boolean;
  /** Results in a row that differ from `healthy`. */
  streak: number;
  timer: NodeJS.Timeout | null;
}

export class UpstreamMonitor {
  readonly settings: MonitorSettings;
  readonly #onChange: (endpoints: readonly EndpointUpdate[]) => void;
  readonly #resolve: Resolve;
  /** Health checks are made as requests are. */
  #tls: ConnectionOptions;
  #watched = new Map<string, Watched>();
  readonly #addresses = new Map<string, readonly string[]>();
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;

  constructor(
    settings: MonitorSettings,
    onChange: (endpoints: readonly EndpointUpdate[]) => void,
    resolve: Resolve = systemResolve,
    identity: GateIdentity = noGateIdentity,
  ) {
    this.settings = settings;
    this.#tls = compileUpstreamTls(settings.tls, identity);
    this.#onChange = onChange;
    this.#resolve = resolve;
  }

  /** Checks are made with this identity from now on. */
  identify(identity: GateIdentity): void {
    this.#tls = compileUpstreamTls(this.settings.tls, identity);
  }

  get endpoints(): readonly EndpointUpdate[] {
    return [...this.#watched.values()].map(({ key, host, address, port, tls, weight, healthy }) => ({
      key,
      host,
      address,
      port,
      tls,
      weight,
      healthy,
    }));
  }

  /** Resolves once all names were looked up for the first time; a name that has no address yet is tried again. */
  async start(): Promise<void> {
    await this.#resolveAll();
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const endpoint of this.#watched.values()) if (endpoint.timer !== null) clearTimeout(endpoint.timer);
  }

  async #resolveAll(): Promise<void> {
    const names = [...new Set(this.settings.targets.map((target) => target.host))].filter(
      (host) => isIP(host) === 0,
    );
    let failed = false;
    await Promise.all(
      names.map(async (host) => {
        try {
          const found = [...new Set(await this.#resolve(host))].sort();
          if (found.length > 0) this.#addresses.set(host, found);
        } catch {
          failed = true;
        }
      }),
    );
    if (this.#stopped) return;
    this.#apply();
    if (names.length > 0) {
      const waitMs = failed ? Math.min(1000, this.settings.resolveMs) : this.settings.resolveMs;
      this.#timer = setTimeout(() => void this.#resolveAll(), waitMs);
      this.#timer.unref();
    }
  }

  #apply(): void {
    const next = new Map<string, Watched>();
    for (const { host, port, tls, weight } of this.settings.targets) {
      const addresses = isIP(host) === 0 ? (this.#addresses.get(host) ?? []) : [host];
      for (const address of addresses) {
        const key = `${host}|${address}|${port}`;
        next.set(
          key,
          this.#watched.get(key) ?? {
            key,
            host,
            address,
            port,
            tls,
            weight: weight / addresses.length,
            // Until it has been looked at an endpoint counts as healthy: a gate must serve at once.
            healthy: true,
            streak: 0,
            timer: null,
          },
        );
      }
    }
    const before = [...this.#watched.keys()].sort().join(' ');
    for (const [key, endpoint] of this.#watched) {
      if (!next.has(key) && endpoint.timer !== null) clearTimeout(endpoint.timer);
    }
    const added = [...next.values()].filter((endpoint) => !this.#watched.has(endpoint.key));
    this.#watched = next;
    if ([...next.keys()].sort().join(' ') !== before) this.#onChange(this.endpoints);
    if (this.settings.health !== null) for (const endpoint of added) void this.#check(endpoint);
  }

  async #check(endpoint: Watched): Promise<void> {
    const health = this.settings.health!;
    const good = await this.#ask(endpoint);
    if (this.#stopped || this.#watched.get(endpoint.key) !== endpoint) return;
    if (good === endpoint.healthy) endpoint.streak = 0;
    else if (++endpoint.streak >= (good ? health.healthyAfter : health.unhealthyAfter)) {
      endpoint.healthy = good;
      endpoint.streak = 0;
      this.#onChange(this.endpoints);
    }
    // Spread, so that many gates do not ask in step.
    const waitMs = health.intervalMs * (0.9 + Math.random() * 0.2);
    endpoint.timer = setTimeout(() => void this.#check(endpoint), waitMs);
    endpoint.timer.unref();
  }

  #ask(endpoint: Watched): Promise<boolean> {
    const health = this.settings.health!;
    const { protocol } = this.settings;
    if (protocol === 'http2') return askHttp2(endpoint, health, this.#tls);
    return new Promise((resolve) => {
      const send = endpoint.tls ? requestHttps : requestHttp;
      const request = send(
        {
          host: endpoint.address,
          port: endpoint.port,
          path: health.path,
          method: 'GET',
          agent: false,
          ...(endpoint.tls
            ? { servername: isIP(endpoint.host) === 0 ? endpoint.host : '', ...this.#tls }
            : {}),
          headers: { host: endpoint.host, 'user-agent': 'gatewright-health' },
          timeout: health.timeoutMs,
          signal: AbortSignal.timeout(health.timeoutMs),
        },
        (response) => {
          const status = response.statusCode ?? 0;
          response.resume();
          resolve(status >= health.statusFrom && status <= health.statusTo);
        },
      );
      request.on('error', () => resolve(false));
      request.end();
    });
  }
}
