// What `gatewright fsck` looks for among service identities: certificates that say what their rows say, keys that fit them, signatures
// that lead to a root, and withdrawn SVIDs that threads are told of.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { parseBundle } from '../identity/index.ts';
import { parseCertificate } from '../net/tls/index.ts';
import { type SqlDatabase, type SqlRow, StateError } from './contract.ts';
import type { FieldSeal } from './field-seal.ts';

/** Rows of SVIDs are kept for longer than this after their end. */
const SVIDS_KEPT_MS = 29 * 86_400_000;

export async function checkServices(database: SqlDatabase, seal: FieldSeal): Promise<string[]> {
  const rows = await database.run('SELECT * FROM authorities ORDER BY id');
  const byId = new Map(rows.map((row) => [String(row['id']), row]));
  const problems: string[] = [];
  for (const row of rows) {
    const place = `authorities/${String(row['id'])}`;
    for (const problem of await problemsOfAuthority(row, byId, place, seal))
      problems.push(`${place} ${problem}`);
  }
  problems.push(...(await checkReferences(database)));
  for (const row of await database.run('SELECT * FROM trust_bundles')) {
    const domain = String(row['trust_domain']);
    try {
      parseBundle(String(row['document']), domain);
    } catch (error) {
      problems.push(`trust_bundles/${domain} is no bundle: ${(error as Error).message}`);
    }
  }
  return problems;
}

async function problemsOfAuthority(
  row: SqlRow,
  byId: ReadonlyMap<string, SqlRow>,
  place: string,
  seal: FieldSeal,
): Promise<string[]> {
  const [text, sealed] = [String(row['certificate']), String(row['sealed'])];
  let key = '';
  try {
    if (sealed !== '') key = await seal.open(place, sealed);
  } catch (error) {
    return [error instanceof StateError ? `can not be opened: ${error.message}` : 'holds no key'];
  }
  if (text === '') return key === '' ? ['waits for a certificate and has no key'] : [];
  try {
    const certificate = new X509Certificate(text);
    const out: string[] = [];
    const details = parseCertificate(certificate.raw);
    if (!details.isCa) out.push('is no authority by its certificate');
    if (details.notAfterMs !== Number(row['until_ms'])) out.push('has another end than its certificate');
    if (details.names.uris[0] !== `spiffe://${String(row['trust_domain'])}`)
      out.push('has a certificate of another trust domain');
    if (key !== '' && !certificate.checkPrivateKey(createPrivateKey(key)))
      out.push('has a key that is not its certificate’s');
    if (row['kind'] === 'issuing' && key === '') out.push('issues and has no key');
    const parent = row['kind'] === 'root' ? row : byId.get(String(row['parent']));
    const signer = parent === undefined ? null : new X509Certificate(String(parent['certificate']));
    if (signer === null || !certificate.checkIssued(signer) || !certificate.verify(signer.publicKey))
      out.push('is not signed by its root');
    return out;
  } catch {
    return ['has a certificate or key that can not be read'];
  }
}

async function checkReferences(database: SqlDatabase): Promise<string[]> {
  const lost = await database.run(
    `SELECT serial FROM svids LEFT JOIN revocations
       ON revocations.kind = 'key' AND value = fingerprint AND removed = 0 AND revocations.until_ms >= not_after_ms
     WHERE revoked_ms IS NOT NULL AND value IS NULL AND not_after_ms > $1`,
    [Date.now()],
  );
  const used = await database.run(
    `SELECT join_tokens.id FROM join_tokens LEFT JOIN svids ON serial = svid
     WHERE (used_ms IS NULL) <> (svid IS NULL) OR (svid IS NOT NULL AND serial IS NULL AND used_ms > $1)`,
    [Date.now() - SVIDS_KEPT_MS],
  );
  const outlived = await database.run(
    'SELECT serial FROM svids JOIN authorities ON authorities.id = authority WHERE not_after_ms > until_ms',
  );
  const strangers = await database.run(
    `SELECT serial FROM svids JOIN authorities ON authorities.id = authority
     WHERE spiffe_id <> 'spiffe://' || trust_domain || '/' || svids.principal`,
  );
  return [
    ...lost.map((row) => `svids/${String(row['serial'])} is withdrawn, and no thread is told`),
    ...used.map((row) => `join_tokens/${String(row['id'])} was used, and there is no SVID of it`),
    ...outlived.map((row) => `svids/${String(row['serial'])} lives longer than its authority`),
    ...strangers.map((row) => `svids/${String(row['serial'])} has an id that is not its service's`),
  ];
}
