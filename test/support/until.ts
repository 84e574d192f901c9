// Waiting for a condition instead of for a time.

/** Longest wait before a test fails, ms: generous, because machines that test are busy. */
const PATIENCE_MS = 20_000;

/** Asks `probe` again and again until it answers something other than undefined or false. Throws after 20 s. */
export async function until<T>(
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  what: string,
): Promise<T> {
  const giveUpMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > giveUpMs) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
