// Whether every record of the vault opens, and whether records that belong together agree.
import { SealError } from '../envelope/index.ts';
import type { Barrier } from './barrier.ts';
import { checkKv } from './secrets/check-kv.ts';

const PAGE = 500;

export interface VaultCheck {
  /** Records that were looked at. */
  readonly records: number;
  /** One sentence each. */
  readonly problems: readonly string[];
}

/** Of a sealed vault only that its records are there. */
export async function checkVault(barrier: Barrier): Promise<VaultCheck> {
  const problems: string[] = [];
  let records = 0;
  if (barrier.sealed) return { records, problems };
  for (let after = ''; ; ) {
    const page = await barrier.list('', after, PAGE);
    for (const place of page) {
      try {
        // A record that another process has removed meanwhile is no problem.
        await barrier.read<unknown>(place);
      } catch (error) {
        if (!(error instanceof SealError || error instanceof SyntaxError)) throw error;
        problems.push(`the record ${place} ${error instanceof SealError ? error.message : 'holds no JSON'}`);
      }
    }
    records += page.length;
    if (page.length < PAGE) break;
    after = page.at(-1)!;
  }
  if (problems.length === 0) problems.push(...(await checkKv(barrier)));
  return { records, problems };
}
