// What the authorization server has issued goes with whom it was issued to: disabling a user or client withdraws its
// tokens and the grants that it has given or got, in the same transaction.
import { BUILT_IN_ISSUER } from '../oauth/contract.ts';
import type { SqlSession } from './contract.ts';
import { dropRevocation, putRevocation } from './identity-store.ts';

/** After `id` was disabled at `disabledMs`, or enabled again (null): enabling brings back no grant. */
export async function followDisabled(
  session: SqlSession,
  id: string,
  disabledMs: number | null,
  untilMs: number,
  revision: number,
): Promise<void> {
  const subject = `${BUILT_IN_ISSUER}|${id}`;
  if (disabledMs === null) {
    await dropRevocation(session, 'subject', subject, revision);
    return;
  }
  const common = { issuedBeforeMs: null, untilMs, createdMs: disabledMs, reason: 'disabled' };
  await putRevocation(session, { kind: 'subject', value: subject, ...common }, revision);
  const granted = await session.run(
    `SELECT DISTINCT grant_id FROM oauth_artifacts WHERE grant_id IS NOT NULL AND (client_id = $1 OR user_id = $1)
     ORDER BY grant_id`,
    [id],
  );
  for (const row of granted)
    await putRevocation(
      session,
      { kind: 'session', value: `${BUILT_IN_ISSUER}|${String(row['grant_id'])}`, ...common },
      revision,
    );
  await session.run('DELETE FROM oauth_artifacts WHERE client_id = $1 OR user_id = $1', [id]);
}
