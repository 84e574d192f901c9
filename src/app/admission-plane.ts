// Bans and lists of addresses as the gate runs them, on the main thread: kept fresh here, read by threads in shared memory.
import {
  type AddressListConfig,
  BanKeeper,
  type BanMemory,
  type BanStore,
  BanTable,
  createBanTable,
  type LoadedList,
  loadList,
  type NamedList,
  packFeed,
  versionOf,
} from '../admission/index.ts';
import type { AuditEvent } from '../audit/index.ts';
import type { GateConfig } from '../config/index.ts';
import { systemClock } from '../core/index.ts';
import type { GateLog, MetricsRegistry } from '../telemetry/index.ts';

/** How often files are looked at, ms. */
const LOOK_MS = 2000;
/** A source that could not be had is asked again after this time, ms. */
const RETRY_MS = 30_000;

export interface AdmissionPlaneParts {
  readonly log: GateLog;
  readonly onAudit: (event: AuditEvent) => void;
  /** Address indicators of a feed; null while there is none of that name. */
  readonly feed: (name: string) => Iterable<string> | null;
  /** A list has changed: threads get it. */
  readonly onList: (list: NamedList) => void;
}

interface Running {
  readonly config: AddressListConfig;
  readonly settings: string;
  loaded: LoadedList | null;
  version: string;
  /** When the source is asked next, monotonic ms. */
  nextMs: number;
}

export class AdmissionPlane {
  readonly bans: BanMemory = createBanTable();
  readonly #parts: AdmissionPlaneParts;
  #keeper: BanKeeper | null = null;
  #lists = new Map<string, Running>();
  #timer: NodeJS.Timeout | null = null;
  #looking = false;

  constructor(parts: AdmissionPlaneParts) {
    this.#parts = parts;
  }

  /** Bans begin; `store`: where they are kept, null for nowhere. */
  async start(config: GateConfig, store: BanStore | null): Promise<void> {
    const { log, onAudit } = this.#parts;
    this.#keeper = new BanKeeper({
      table: new BanTable(this.bans),
      store,
      clock: systemClock,
      onChange: (kind, { block, reason, by, untilMs }) => {
        const until = new Date(untilMs).toISOString();
        log.write('info', `ban-${kind}`, { block, reason, by, until });
        onAudit({
          action: kind === 'added' ? 'ban.add' : 'ban.remove',
          outcome: 'success',
          actor: { kind: 'operator', id: by },
          target: { kind: 'address', id: block },
          reason,
          details: { until },
        });
      },
      onProblem: (problem) => {
        if (problem === '') log.write('info', 'bans-available', {});
        else log.write('error', 'bans-unavailable', { problem });
      },
    });
    this.#keeper.configure(config.bans);
    await this.#keeper.start();
    if (this.#keeper.size > 0) log.write('info', 'bans-loaded', { bans: this.#keeper.size });
    this.#timer = setInterval(() => void this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  /** For hands, rules and detection. */
  get keeper(): BanKeeper {
    if (this.#keeper === null) throw new Error('bans have not begun');
    return this.#keeper;
  }

  /** Loads the lists of a configuration; rejects when one that is required can not be had. */
  async configure(config: GateConfig): Promise<void> {
    this.#keeper?.configure(config.bans);
    const next = new Map<string, Running>();
    await Promise.all(
      config.addressLists.map(async (list) => {
        const settings = JSON.stringify(list);
        const kept = this.#lists.get(list.name);
        if (kept?.settings === settings) {
          next.set(list.name, kept);
          return;
        }
        const running: Running = { config: list, settings, loaded: null, version: '', nextMs: 0 };
        await this.#load(running);
        if (running.loaded === null && list.isRequired)
          throw new Error(`the address list "${list.name}" can not be had`);
        next.set(list.name, running);
      }),
    );
    this.#lists = next;
    // A feed may have been read while other lists were being fetched.
    await this.feedsRead();
  }

  /** What threads begin with. */
  get lists(): readonly NamedList[] {
    return [...this.#lists.values()].flatMap(({ config, loaded }) =>
      loaded === null ? [] : [{ name: config.name, memory: loaded.memory }],
    );
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    for (const running of this.#lists.values()) {
      const { source } = running.config;
      if (source.kind === 'feed') continue;
      const isDue =
        source.kind === 'file'
          ? running.version !== (await versionOf(running.config))
          : systemClock.monotonicMs() >= running.nextMs;
      if (isDue) await this.#load(running);
    }
    this.#looking = false;
  }

  /** Feeds have been read: lists of them follow. */
  async feedsRead(): Promise<void> {
    for (const running of this.#lists.values())
      if (running.config.source.kind === 'feed') await this.#load(running);
  }

  async #load(running: Running): Promise<void> {
    const { log, onList } = this.#parts;
    const { config } = running;
    const { name, source } = config;
    const before = running.loaded;
    running.version = await versionOf(config);
    try {
      const loaded =
        source.kind === 'feed'
          ? await packFeed(this.#parts.feed(source.feed) ?? [], systemClock.epochMs())
          : await loadList(config, before, systemClock.epochMs());
      running.loaded = loaded;
      running.nextMs =
        systemClock.monotonicMs() + (source.kind === 'url' && !loaded.isCached ? source.refreshMs : RETRY_MS);
      if (before?.sha256 === loaded.sha256) return;
      const { blocks, unreadable, isCached } = loaded;
      log.write('info', 'address-list-loaded', { list: name, blocks, unreadable, cached: isCached });
      if (this.#lists.get(name) === running) onList({ name, memory: loaded.memory });
    } catch (error) {
      running.nextMs = systemClock.monotonicMs() + RETRY_MS;
      const problem = error instanceof Error ? error.message : String(error);
      log.write('error', 'address-list-failed', { list: name, problem, kept: before !== null });
    }
  }

  addGauges(registry: MetricsRegistry): void {
    registry.gauge({
      name: 'gatewright_bans',
      type: 'gauge',
      help: 'Addresses and blocks that are banned.',
      samples: () => [{ labels: {}, value: this.#keeper?.size ?? 0 }],
    });
    registry.gauge({
      name: 'gatewright_bans_without_room_total',
      type: 'counter',
      help: 'Bans that the table had no room for.',
      samples: () => [{ labels: {}, value: this.#keeper?.overflow ?? 0 }],
    });
    const ofLists = (value: (loaded: LoadedList) => number) => () =>
      [...this.#lists.values()].flatMap(({ config, loaded }) =>
        loaded === null ? [] : [{ labels: { list: config.name }, value: value(loaded) }],
      );
    registry.gauge({
      name: 'gatewright_address_list_blocks',
      type: 'gauge',
      help: 'Blocks of each address list.',
      samples: ofLists(({ blocks }) => blocks),
    });
    registry.gauge({
      name: 'gatewright_address_list_loaded_timestamp_seconds',
      type: 'gauge',
      help: 'When each address list was last had from its source.',
      samples: ofLists(({ loadedMs }) => loadedMs / 1000),
    });
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#keeper?.close();
  }
}
