// Kills a program in the middle of rotations, at statements chosen at random, and looks each time: every secret that was
// acknowledged reads back, whatever key was being turned over, and the state is sound.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { StateConfig } from '../../src/config/index.ts';
import { systemClock } from '../../src/core/index.ts';
import { openState } from '../../src/stores/index.ts';
import { KvMount } from '../../src/vault/index.ts';
import type { Random } from '../fuzz/random.ts';
import type { CrashReport } from './crash.ts';

const writer = fileURLToPath(new URL('./vault-writer.ts', import.meta.url));
/** Statements of about two rounds of the writer. */
const MAX_STATEMENTS = 700;

export interface VaultCrashReport extends CrashReport {
  /** Kills that left a key with records under an older version. */
  readonly halfMoved: number;
}

export async function runVaultCrashes(
  config: StateConfig,
  kills: number,
  random: Random,
): Promise<VaultCrashReport> {
  const problems: string[] = [];
  const secrets = new Map<string, number>();
  const keys = new Map<string, number>();
  let acknowledged = 0;
  let halfMoved = 0;
  for (let round = 0; round < kills; round++) {
    const lines = await killOne(config, 1 + round * 1000, random.between(1, MAX_STATEMENTS));
    acknowledged += lines.length;
    for (const line of lines) {
      const [what, name, n] = line.split(' ') as [string, string, string];
      if (what === 'wrote') secrets.set(name, Number(n));
      if (what === 'key') keys.set(name, Number(n));
    }
    const state = await openState(config);
    try {
      const kv = new KvMount(state.vault, systemClock, 'crash', () => ({
        maxVersions: 4,
        casRequired: false,
        deleteAfterMs: 0,
      }));
      for (const [name, n] of secrets) {
        const found = (await kv.read(name))?.data?.['n'];
        // The write that was under way may be there or not.
        if (typeof found !== 'number' || found < n)
          problems.push(`round ${round}: ${name} is ${String(found)}, was ${n}`);
      }
      const stored = new Map((await state.identity.signingKeys('crash', 0)).map((key) => [key.id, key.jwk]));
      for (const [id, n] of keys)
        if (stored.get(id) !== JSON.stringify({ n }))
          problems.push(`round ${round}: the signing key ${id} is lost`);
      if ((await state.vault.keyStatus()).some(({ older }) => older.length > 0)) halfMoved++;
      problems.push(...(await state.fsck()).problems.map((problem) => `round ${round}: ${problem}`));
    } finally {
      await state.close();
    }
  }
  return { kills, acknowledged, problems, halfMoved };
}

function killOne(config: StateConfig, first: number, killAt: number): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [writer, JSON.stringify(config), String(first), String(killAt)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (signal !== 'SIGKILL') reject(new Error(`the writer ended by itself (${code ?? signal})`));
      // The last line may have been cut off by the kill.
      else resolve(text.split('\n').slice(1, -1));
    });
  });
}
