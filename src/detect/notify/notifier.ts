// When whom to tell: by priority, at once or in a digest, not at night unless it matters, to the next when nobody has answered. The
// same news goes to a channel once; what can not be delivered is tried again, ever more slowly, for a day.
import type { Incident } from '../contract.ts';
import type { ChannelConfig, QuietHours } from '../settings.ts';
import { digestOf, isAtLeast, type Message, messageOf } from './message.ts';
import { createSender, DeliveryError, type Sender } from './senders.ts';

const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 900_000;
const GIVE_UP_MS = 86_400_000;
const MAX_WAITING = 1000;
const MAX_KEYS = 5000;

export interface NotifierEnvironment {
  readonly nowMs: () => number;
  /** Newest state of an incident, for escalation and digests; null when it is gone. */
  readonly current: (id: string) => Incident | null;
  readonly onProblem: (channel: string, problem: string) => void;
  /** A channel has taken a message. */
  readonly onSent: (channel: string, message: Message) => void;
}

interface Waiting {
  readonly message: Message;
  readonly sinceMs: number;
  dueMs: number;
  failures: number;
}

class Channel {
  readonly config: ChannelConfig;
  readonly #environment: NotifierEnvironment;
  readonly #sender: Sender;
  #waiting: Waiting[] = [];
  readonly #keys = new Set<string>();
  /** Incidents that wait for a digest, the morning, or for somebody to answer, by id, with the time at which they are told. */
  readonly #held = new Map<string, number>();
  #digestMs = 0;
  #sending: Promise<void> | null = null;
  sent = 0;
  failures = 0;
  lost = 0;

  constructor(config: ChannelConfig, sender: Sender, environment: NotifierEnvironment) {
    this.config = config;
    this.#sender = sender;
    this.#environment = environment;
  }

  get pending(): number {
    return this.#waiting.length + this.#held.size;
  }

  tell(incident: Incident): void {
    const { minPriority, escalateMs, digestMs } = this.config;
    const isClosed = incident.status === 'closed';
    if (!isAtLeast(incident.priority, minPriority)) return;
    // Who was not told of an incident need not be told that it is over.
    if (isClosed) {
      this.#held.delete(incident.id);
      if ([...this.#keys].some((key) => key.startsWith(`${incident.id}.`))) this.#send(messageOf(incident));
      return;
    }
    const nowMs = this.#environment.nowMs();
    if (escalateMs > 0) {
      if (!this.#held.has(incident.id)) this.#held.set(incident.id, incident.openedMs + escalateMs);
      return;
    }
    const quietUntilMs = this.#quietUntil(incident, nowMs);
    if (digestMs === 0 && quietUntilMs === 0) {
      this.#send(messageOf(incident));
      return;
    }
    if (this.#digestMs === 0) this.#digestMs = nowMs + digestMs;
    this.#held.set(incident.id, Math.max(quietUntilMs, digestMs === 0 ? 0 : this.#digestMs));
  }

  #quietUntil(incident: Incident, nowMs: number): number {
    const { quiet } = this.config;
    if (quiet === null || isAtLeast(incident.priority, quiet.except)) return 0;
    return quietUntil(quiet, nowMs);
  }

  /** What has become due. */
  tick(): Promise<void> {
    const nowMs = this.#environment.nowMs();
    const due = [...this.#held].filter(([, dueMs]) => dueMs <= nowMs).map(([id]) => id);
    const messages: Message[] = [];
    for (const id of due) {
      this.#held.delete(id);
      const incident = this.#environment.current(id);
      if (incident === null || incident.status === 'closed') continue;
      if (this.config.escalateMs > 0 && incident.status !== 'open') continue;
      messages.push(messageOf(incident));
    }
    if (messages.length > 0) this.#send(digestOf(messages));
    if (this.#digestMs !== 0 && this.#digestMs <= nowMs) this.#digestMs = 0;
    return this.#deliver();
  }

  #send(message: Message): void {
    if (this.#keys.has(message.key)) return;
    this.#keys.add(message.key);
    if (this.#keys.size > MAX_KEYS) this.#keys.delete(this.#keys.values().next().value!);
    if (this.#waiting.length >= MAX_WAITING) {
      this.#waiting.shift();
      this.lost++;
    }
    const nowMs = this.#environment.nowMs();
    this.#waiting.push({ message, sinceMs: nowMs, dueMs: nowMs, failures: 0 });
    void this.#deliver();
  }

  #deliver(): Promise<void> {
    this.#sending ??= this.#deliverAll().finally(() => {
      this.#sending = null;
    });
    return this.#sending;
  }

  async #deliverAll(): Promise<void> {
    for (;;) {
      const nowMs = this.#environment.nowMs();
      const next = this.#waiting.find(({ dueMs }) => dueMs <= nowMs);
      if (next === undefined) return;
      try {
        await this.#sender.send(next.message);
        this.sent++;
        this.#drop(next);
        this.#environment.onSent(this.config.name, next.message);
      } catch (error) {
        this.failures++;
        const problem = error instanceof Error ? error.message : String(error);
        this.#environment.onProblem(this.config.name, problem);
        if ((error instanceof DeliveryError && error.isFinal) || nowMs - next.sinceMs > GIVE_UP_MS) {
          this.lost++;
          this.#drop(next);
        } else {
          next.dueMs = nowMs + Math.min(FIRST_RETRY_MS * 2 ** next.failures, LONGEST_RETRY_MS);
          next.failures++;
        }
      }
    }
  }

  #drop(entry: Waiting): void {
    this.#waiting = this.#waiting.filter((one) => one !== entry);
  }

  /** Ends after what is being sent. */
  async close(): Promise<void> {
    await this.#sending;
    this.#sender.close();
  }
}

export class Notifier {
  readonly #channels: readonly Channel[];

  constructor(channels: readonly Channel[]) {
    this.#channels = channels;
  }

  static async start(configs: readonly ChannelConfig[], environment: NotifierEnvironment): Promise<Notifier> {
    const channels = await Promise.all(
      configs.map(async (config) => new Channel(config, await createSender(config.target), environment)),
    );
    return new Notifier(channels);
  }

  tell(incident: Incident): void {
    for (const channel of this.#channels) channel.tell(incident);
  }

  /** Once a second: digests, mornings, escalations, retries. */
  async tick(): Promise<void> {
    await Promise.all(this.#channels.map((channel) => channel.tick()));
  }

  counts(): readonly {
    readonly name: string;
    readonly sent: number;
    readonly failures: number;
    readonly lost: number;
    readonly pending: number;
  }[] {
    return this.#channels.map(({ config, sent, failures, lost, pending }) => ({
      name: config.name,
      sent,
      failures,
      lost,
      pending,
    }));
  }

  async close(): Promise<void> {
    await Promise.all(this.#channels.map((channel) => channel.close()));
  }
}

/** When quiet hours end that are now, ms; 0 outside of them. */
export function quietUntil({ from, to, zone }: QuietHours, nowMs: number): number {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).formatToParts(nowMs);
  const value = (type: string): number => Number(parts.find((part) => part.type === type)?.value ?? 0);
  const minute = value('hour') * 60 + value('minute');
  const isQuiet = from <= to ? minute >= from && minute < to : minute >= from || minute < to;
  if (!isQuiet) return 0;
  const left = (to - minute + 1440) % 1440;
  return nowMs + left * 60_000;
}
