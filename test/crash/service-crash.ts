// Kills a program that issues, rotates and migrates again and again, and looks each time: what was acknowledged is there, nothing is
// there by half, and the state is sound.
import { fileURLToPath } from 'node:url';
import type { StateConfig } from '../../src/config/index.ts';
import { openState, type State } from '../../src/stores/index.ts';
import type { Random } from '../fuzz/random.ts';
import { authorityConfig } from '../support/service-ca.ts';
import type { CrashReport } from './crash.ts';
import { WriterPool } from './writer-pool.ts';

const writer = fileURLToPath(new URL('./service-writer.ts', import.meta.url));
/** Kills of one state; the first comes while it is made. */
const KILLS_OF_ONE = 4;
/** The state is made within this time after the program has begun, ms. */
const MIGRATION_MS = 120;

/** `stateOf` gives the nth state, empty; `random` decides when each kill comes. */
export async function runServiceCrashes(
  stateOf: (n: number) => StateConfig,
  kills: number,
  random: Random,
): Promise<CrashReport & { readonly before: number }> {
  const problems: string[] = [];
  let [acknowledged, before] = [0, 0];
  let known: string[] = [];
  const pool = new WriterPool(writer);
  try {
    for (let round = 0; round < kills; round++) {
      const config = stateOf(Math.floor(round / KILLS_OF_ONE));
      const isFirst = round % KILLS_OF_ONE === 0;
      if (isFirst) known = [];
      const lines = await pool.run(
        { state: config, name: `r${round}` },
        isFirst ? 1 : random.between(3, 15),
        random.unit() * (isFirst ? MIGRATION_MS : 3),
      );
      if (lines.length < 2) before++;
      acknowledged += lines.filter((line) => line.includes(' ')).length;
      known.push(...lines);
      const state = await openState(config);
      try {
        problems.push(...(await problemsOf(state, known)).map((problem) => `round ${round}: ${problem}`));
      } finally {
        await state.close();
      }
    }
  } finally {
    pool.close();
  }
  return { kills, acknowledged, problems, before };
}

async function problemsOf(state: State, lines: readonly string[]): Promise<string[]> {
  const { services } = state;
  const out: string[] = [];
  const authorities = await services.authorities(authorityConfig.trustDomain);
  const ids = new Set(authorities.filter(({ certificate }) => certificate !== '').map(({ id }) => id));
  const svids = new Map((await services.svids('', 0, true, 100_000)).map((svid) => [svid.serial, svid]));
  const tokens = new Set((await services.joinTokens(0)).map(({ id }) => id));
  const withdrawn = new Set((await state.identity.revocations(0)).map(({ value }) => value));
  const joined = new Set(
    lines.filter((line) => line.startsWith('joined ')).map((line) => line.split(' ')[3]!),
  );
  for (const line of lines) {
    const [what, a, b, c] = line.split(' ') as [string, string?, string?, string?];
    if (what === 'authority' && !(ids.has(a!) && ids.has(b!))) out.push(`lost: ${line}`);
    else if ((what === 'rotated' || what === 'installed') && !ids.has(a!)) out.push(`lost: ${line}`);
    else if (what === 'issued' && svids.get(b!)?.principal !== a) out.push(`lost: ${line}`);
    else if (what === 'joined' && (svids.get(b!)?.principal !== a || tokens.has(c!)))
      out.push(`half: ${line}`);
    else if (what === 'revoked') {
      const svid = svids.get(b!);
      if (svid === undefined || svid.revokedMs === null || !withdrawn.has(svid.fingerprint))
        out.push(`half: ${line}`);
    } else if (what === 'token' && !tokens.has(b!) && !joined.has(b!)) {
      // Used, and the kill came before that could be said: then its SVID is there.
      const used = [...svids.values()].some(
        (svid) => svid.principal === a && svid.attestation === 'join-token',
      );
      if (!used) out.push(`lost: ${line}`);
    }
  }
  for (const { id, kind } of authorities) {
    if (kind === 'root' && !authorities.some((entry) => entry.parent === id))
      out.push(`the root ${id} is there by half`);
  }
  out.push(...(await state.fsck()).problems);
  return out;
}
