// Kills an authorization server while it issues, rotates and takes back, and looks each time: what was acknowledged is
// there, a code or refresh token is used up with what it gave or not at all, and the state is sound.
import { spawn } from 'node:child_process';
import { hash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { StateConfig } from '../../src/config/index.ts';
import { openState, type State } from '../../src/stores/index.ts';
import type { Random } from '../fuzz/random.ts';
import type { CrashReport } from './crash.ts';

const writer = fileURLToPath(new URL('./token-writer.ts', import.meta.url));

export async function runTokenCrashes(
  config: StateConfig,
  kills: number,
  random: Random,
): Promise<CrashReport> {
  const problems: string[] = [];
  let acknowledged = 0;
  for (let round = 0; round < kills; round++) {
    const lines = await killOne(config, random.between(1, 12), random.unit() * 25);
    acknowledged += lines.length;
    const state = await openState(config);
    try {
      const found = [
        ...(await lost(state, lines)),
        ...(await halves(state)),
        ...(await state.fsck()).problems,
      ];
      problems.push(...found.map((problem) => `round ${round}: ${problem}`));
    } finally {
      await state.close();
    }
  }
  return { kills, acknowledged, problems };
}

async function lost(state: State, lines: readonly string[]): Promise<string[]> {
  const revoked = new Set(
    lines.filter((line) => line.startsWith('revoked')).map((line) => line.split(' ')[1]),
  );
  const successors = new Map(
    lines
      .filter((line) => line.startsWith('rotated'))
      .map((line) => line.split(' ').slice(1) as [string, string]),
  );
  const out: string[] = [];
  // The last step may have been taken and not acknowledged: a token without a successor in the lines may have one, or be gone.
  const last = lines.at(-1)?.split(' ').at(-1);
  for (const line of lines) {
    const [what, token, next] = line.split(' ') as [string, string, string?];
    const find = (value: string) => state.oauth.artifact('RefreshToken', 'id', hash('sha256', value, 'hex'));
    if (what === 'revoked') {
      if ((await find(token)) !== null) out.push(`lost: ${line}`);
      continue;
    }
    if (revoked.has(next ?? successors.get(token) ?? '')) continue;
    const current = await find(next ?? token);
    if (current === null && last !== (next ?? token)) out.push(`lost: ${line}`);
    if (what === 'rotated' && current !== null && (await find(token))?.consumedMs == null)
      out.push(`lost: ${line}`);
  }
  return out;
}

/** Codes and refresh tokens that were used up for nothing, and logins with two good refresh tokens. */
async function halves(state: State): Promise<string[]> {
  const forNothing = await state.database.run(
    `SELECT used.model, used.id FROM oauth_artifacts AS used
     WHERE used.model IN ('AuthorizationCode', 'RefreshToken') AND used.consumed_ms IS NOT NULL AND NOT EXISTS (
       SELECT 1 FROM oauth_artifacts AS given
       WHERE given.model = 'RefreshToken' AND given.grant_id = used.grant_id AND given.consumed_ms IS NULL)`,
  );
  const doubled = await state.database.run(
    `SELECT grant_id FROM oauth_artifacts WHERE model = 'RefreshToken' AND consumed_ms IS NULL
     GROUP BY grant_id HAVING COUNT(*) > 1`,
  );
  return [
    ...forNothing.map(({ model, id }) => `half: ${String(model)} ${String(id)} was used up for nothing`),
    ...doubled.map((row) => `half: ${String(row['grant_id'])} has two good refresh tokens`),
  ];
}

/** Runs a writer, kills it after some acknowledgements and a moment more; answers what was acknowledged. */
function killOne(config: StateConfig, afterLines: number, moreMs: number): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [writer, JSON.stringify(config)], {
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
