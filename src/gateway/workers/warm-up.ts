// Compiles the schemas of a snapshot that serves, one between two turns of the event loop, so that few requests wait for
// more than one. What can not be compiled is left: it throws where it is used, which denies.
import type { SchemaSet } from '../../openapi/index.ts';

/** Pause between two schemas, ms: requests come first. */
const PAUSE_MS = 2;

/** Goes on until everything is compiled, or `isCurrent` says that another snapshot serves. */
export function warmUp(sets: readonly SchemaSet[], isCurrent: () => boolean): void {
  const left = [...sets];
  const step = (): void => {
    if (!isCurrent()) return;
    const set = left.at(-1);
    if (set === undefined) return;
    try {
      if (!set.warm()) left.pop();
    } catch {
      // Denied where it is used; nothing to do here.
    }
    setTimeout(step, PAUSE_MS).unref();
  };
  setTimeout(step, PAUSE_MS).unref();
}
