// Keys of the vault on a schedule: what is old gets a new version, and what a crash has left half moved is ended.
import type { Barrier } from './barrier.ts';

export interface VaultKeyReport {
  readonly key: string;
  /** When its version in use was made, ms. */
  readonly createdMs: number;
  /** When the next is due, ms; null where keys do not rotate by themselves. */
  readonly dueMs: number | null;
  readonly rotated: boolean;
  /** Records that were moved to the version in use. */
  readonly records: number;
}

/** `rotateMs` of 0: nothing is due by itself. `force`: everything is. Safe to run on several nodes. */
export async function rotateVaultKeys(
  barrier: Barrier,
  rotateMs: number,
  nowMs: number,
  force = false,
): Promise<readonly VaultKeyReport[]> {
  const out: VaultKeyReport[] = [];
  for (const { name, createdMs, older } of await barrier.keyStatus()) {
    const isDue = force || (rotateMs > 0 && createdMs + rotateMs <= nowMs);
    if (isDue) await barrier.rotate(name);
    const records = isDue || older.length > 0 ? await barrier.rewrap(name) : 0;
    const madeMs = isDue ? nowMs : createdMs;
    const dueMs = rotateMs > 0 ? madeMs + rotateMs : null;
    out.push({ key: name, createdMs: madeMs, dueMs, rotated: isDue, records });
  }
  return out;
}
