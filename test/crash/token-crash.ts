// Kills an authorization server while it issues, rotates and takes back, and looks each time: what was acknowledged is
// there, a code or refresh token is used up with what it gave or not at all, and the state is sound.
import { hash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { StateConfig } from '../../src/config/index.ts';
import { SIGNING_PURPOSE } from '../../src/oauth/contract.ts';
import { openState, type State } from '../../src/stores/index.ts';
import type { Random } from '../fuzz/random.ts';
import type { CrashReport } from './crash.ts';
import { WriterPool } from './writer-pool.ts';

const writer = fileURLToPath(new URL('./token-writer.ts', import.meta.url));

/** Kills of one state; the first comes while it is made. */
const KILLS_OF_ONE = 4;
/** The state is made within this time after the program has begun, ms. */
const MIGRATION_MS = 120;

/** `stateOf` gives the nth state, empty; `random` decides when each kill comes. */
export async function runTokenCrashes(
  stateOf: (n: number) => StateConfig,
  kills: number,
  random: Random,
): Promise<CrashReport> {
  const problems: string[] = [];
  let acknowledged = 0;
  let runs: (readonly string[])[] = [];
  const pool = new WriterPool(writer);
  try {
    for (let round = 0; round < kills; round++) {
      const config = stateOf(Math.floor(round / KILLS_OF_ONE));
      const isFirst = round % KILLS_OF_ONE === 0;
      if (isFirst) runs = [];
      const lines = await pool.run(
        config,
        isFirst ? 1 : random.between(3, 14),
        random.unit() * (isFirst ? MIGRATION_MS : 25),
      );
      runs.push(lines.filter((line) => line !== 'open'));
      acknowledged += runs.at(-1)!.length;
      const state = await openState(config);
      try {
        const found = [...(await halves(state)), ...(await state.fsck()).problems];
        for (const run of runs) found.push(...(await lost(state, run)));
        problems.push(...found.map((problem) => `round ${round}: ${problem}`));
      } finally {
        await state.close();
      }
    }
  } finally {
    pool.close();
  }
  return { kills, acknowledged, problems };
}

async function lost(state: State, lines: readonly string[]): Promise<string[]> {
  const keys = new Set((await state.identity.signingKeys(SIGNING_PURPOSE, 0)).map(({ id }) => id));
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
  const last = lines
    .findLast((line) => !line.startsWith('keys'))
    ?.split(' ')
    .at(-1);
  for (const line of lines) {
    const [what, token, next] = line.split(' ') as [string, string, string?];
    if (what === 'keys') {
      for (const id of line.split(' ').slice(1)) if (!keys.has(id)) out.push(`lost: the key ${id}`);
      continue;
    }
    const find = (value: string) => state.oauth.artifact('RefreshToken', 'id', hash('sha256', value, 'hex'));
    if (what === 'revoked') {
      if ((await find(token)) !== null) out.push(`lost: ${line}`);
      continue;
    }
    if (revoked.has(next ?? successors.get(token) ?? '')) continue;
    const current = await find(next ?? token);
    const isLast = last === (next ?? token) || last === successors.get(token);
    if (current === null && !isLast) out.push(`lost: ${line}`);
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
