// What `gatewright check` says of certificates that ACME keeps on disk: until when they are good, and whether a renewal
// should have come by now.
import type { GateConfig } from '../config/index.ts';
import { storedLife } from '../identity/certificates/index.ts';

export interface StoredCertificate {
  readonly account: string;
  readonly names: readonly string[];
  /** RFC 3339 in UTC; null when none was ordered yet. */
  readonly until: string | null;
  readonly overdue: boolean;
}

/** Renewal begins at a third: below this share of the life, tries have failed for some time. */
const OVERDUE_SHARE = 1 / 4;

export async function readStoredCertificates(
  config: GateConfig,
  nowMs: number,
): Promise<StoredCertificate[]> {
  const out: StoredCertificate[] = [];
  for (const { tls } of config.listeners) {
    for (const certificate of tls?.certificates ?? []) {
      if (certificate.kind !== 'acme') continue;
      const account = config.acme.find(({ name }) => name === certificate.account);
      if (account === undefined) continue;
      const life = await storedLife(account, certificate.names).catch(() => null);
      const { account: name, names } = certificate;
      if (life === null) out.push({ account: name, names, until: null, overdue: false });
      else
        out.push({
          account: name,
          names,
          until: new Date(life.notAfterMs).toISOString(),
          overdue: life.notAfterMs - nowMs < (life.notAfterMs - life.notBeforeMs) * OVERDUE_SHARE,
        });
    }
  }
  return out;
}

/** One line for people. */
export function storedText({ account, names, until, overdue }: StoredCertificate): string {
  const what = `${names.join(', ')} by ACME from ${account}`;
  if (until === null) return `${what}: none yet; it is ordered when the gate starts`;
  return `${what}: until ${until}${overdue ? '; its renewal is overdue, see certificate-order-failed in the log' : ''}`;
}
