// Kills a writing program again and again, and looks each time: every write that was acknowledged is there, none is there
// by half, and the state is sound.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { StateConfig } from '../../src/config/index.ts';
import type { ApiKeyView } from '../../src/identity/index.ts';
import { openState } from '../../src/stores/index.ts';
import type { Random } from '../fuzz/random.ts';

const writer = fileURLToPath(new URL('./writer.ts', import.meta.url));

export interface CrashReport {
  readonly kills: number;
  /** Writes that were acknowledged before a kill. */
  readonly acknowledged: number;
  readonly problems: readonly string[];
}

/** `random` decides after how many acknowledgements each kill comes. */
export async function runCrashes(config: StateConfig, kills: number, random: Random): Promise<CrashReport> {
  const problems: string[] = [];
  let acknowledged = 0;
  for (let round = 0; round < kills; round++) {
    const lines = await killOne(config, `r${round}`, random.between(1, 40), random.unit() * 3);
    acknowledged += lines.length;
    const state = await openState(config);
    try {
      const keys = new Map<string, ApiKeyView>();
      const owned = new Map<string, number>();
      for (let after = ''; ; ) {
        const page = await state.identity.keys('', after, 1000);
        for (const key of page) {
          keys.set(key.id, key);
          owned.set(key.principal, (owned.get(key.principal) ?? 0) + 1);
        }
        if (page.length < 1000) break;
        after = page.at(-1)!.id;
      }
      problems.push(...missing(lines, keys).map((problem) => `round ${round}: ${problem}`));
      // Adding is one step: no client is there without its key. Rotating is one: no successor beside an endless key.
      for (let after = ''; ; ) {
        const page = await state.identity.principals('client', after, 1000);
        for (const { id } of page)
          if (!owned.has(id)) problems.push(`round ${round}: ${id} is there by half`);
        if (page.length < 1000) break;
        after = page.at(-1)!.id;
      }
      problems.push(...(await state.fsck()).problems.map((problem) => `round ${round}: ${problem}`));
    } finally {
      await state.close();
    }
  }
  return { kills, acknowledged, problems };
}

function missing(lines: readonly string[], keys: ReadonlyMap<string, ApiKeyView>): string[] {
  const out: string[] = [];
  for (const line of lines) {
    const [what, owner, id, next] = line.split(' ') as [string, string, string, string?];
    const key = keys.get(id);
    if (key === undefined || key.principal !== owner) out.push(`lost: ${line}`);
    else if (what === 'rotated' && (key.expiresMs === null || keys.get(next!)?.rotatedFrom !== id))
      out.push(`half: ${line}`);
    else if (what === 'revoked' && key.revokedMs === null) out.push(`lost: ${line}`);
  }
  return out;
}

/** Runs a writer, kills it after some acknowledgements and a moment more; answers what was acknowledged. */
function killOne(
  config: StateConfig,
  name: string,
  afterLines: number,
  moreMs: number,
): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [writer, JSON.stringify(config), name], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    let asked = false;
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part;
      if (asked || text.split('\n').length - 2 < afterLines) return;
      asked = true;
      setTimeout(() => child.kill('SIGKILL'), moreMs);
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (signal !== 'SIGKILL') reject(new Error(`the writer ended by itself (${code ?? signal})`));
      // The last line may have been cut off by the kill.
      else resolve(text.split('\n').slice(1, -1));
    });
  });
}
