// How hard a thread is pressed, as a number that a request can look at: what its event loop is late by, and how much memory the
// process has. HOT
import type { OverloadConfig } from './contract.ts';

/** How often the loop is measured, ms, and how often memory is. */
const TICK_MS = 25;
const MEMORY_TICKS = 20;
/** Weight of one measurement: a single pause (a collection, a machine that was suspended) is no pressure, a loop that stays late is. */
const WEIGHT = 0.2;
/** Shares of the memory at which levels begin. */
const MEMORY_LEVELS = [0.9, 0.95, 1] as const;

export class Pressure {
  /** 0: none. 1: what is low is refused; 2: what is normal too; 3: all but what is critical. */
  level = 0;
  /** What the loop was late by, ms, smoothed. */
  delayMs = 0;
  #config: OverloadConfig = { delayMs: 0, memoryBytes: 0 };
  #memory = 0;
  #ticks = 0;
  #dueMs = 0;
  #timer: NodeJS.Timeout | null = null;
  readonly #rss: () => number;

  constructor(rss: () => number = () => process.memoryUsage.rss()) {
    this.#rss = rss;
  }

  configure(config: OverloadConfig): void {
    this.#config = config;
    this.#memory = 0;
    this.#ticks = 0;
  }

  /** Begins to measure. */
  start(): void {
    this.#dueMs = performance.now() + TICK_MS;
    this.#timer = setInterval(() => this.tick(performance.now()), TICK_MS);
    this.#timer.unref();
  }

  /** One measurement. */
  tick(nowMs: number): void {
    const lateMs = Math.max(0, nowMs - this.#dueMs);
    this.#dueMs = nowMs + TICK_MS;
    this.delayMs += (lateMs - this.delayMs) * WEIGHT;
    if (this.#config.memoryBytes > 0 && this.#ticks++ % MEMORY_TICKS === 0)
      this.#memory = this.#rss() / this.#config.memoryBytes;
    this.level = Math.max(this.#ofDelay(), this.#ofMemory());
  }

  #ofDelay(): number {
    const { delayMs } = this.#config;
    if (delayMs === 0 || this.delayMs < delayMs) return 0;
    return this.delayMs < 2 * delayMs ? 1 : this.delayMs < 4 * delayMs ? 2 : 3;
  }

  #ofMemory(): number {
    if (this.#config.memoryBytes === 0) return 0;
    let level = 0;
    while (level < MEMORY_LEVELS.length && this.#memory >= MEMORY_LEVELS[level]!) level++;
    return level;
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }
}
