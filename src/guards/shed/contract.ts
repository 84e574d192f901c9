/** How much a request matters when not all can be served, from most to least. */
export const priorities = ['critical', 'high', 'normal', 'low'] as const;
export type Priority = (typeof priorities)[number];

export interface OverloadConfig {
  /** Delay of a thread's event loop at which the least important requests are refused, ms; 0 never refuses any for it. */
  readonly delayMs: number;
  /** Memory of the process at which all but the most important are refused, bytes; 0 for any. */
  readonly memoryBytes: number;
}
