// Which credentials are shared: one certificate, key or API key that speaks for several callers, or that is used from many places.
// Several addresses alone are a hint, since replicas of one service share its name and an API key; a certificate of the
// authority's own making belongs to one process, so for it they are a finding.
import type { SightingRecord } from './contract.ts';

export interface SharedCredential {
  readonly kind: SightingRecord['kind'];
  readonly credential: string;
  readonly reasons: readonly ('several callers' | 'several addresses')[];
  readonly callers: readonly string[];
  readonly addresses: readonly string[];
  readonly lastMs: number;
}

/** Addresses that are listed of one credential. */
const MAX_ADDRESSES = 20;

export function reportShared(sightings: readonly SightingRecord[]): SharedCredential[] {
  const groups = new Map<string, SightingRecord[]>();
  for (const sighting of sightings) {
    const name = `${sighting.kind} ${sighting.credential}`;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [sighting]);
    else group.push(sighting);
  }
  const out: SharedCredential[] = [];
  for (const group of groups.values()) {
    const callers = [...new Set(group.map(({ caller }) => caller))].toSorted();
    const addresses = [...new Set(group.map(({ address }) => address))].toSorted();
    const reasons: SharedCredential['reasons'][number][] = [];
    if (callers.length > 1) reasons.push('several callers');
    if (addresses.length > 1) reasons.push('several addresses');
    if (reasons.length === 0) continue;
    const { kind, credential } = group[0]!;
    out.push({
      kind,
      credential,
      reasons,
      callers,
      addresses: addresses.slice(0, MAX_ADDRESSES),
      lastMs: Math.max(...group.map(({ lastMs }) => lastMs)),
    });
  }
  return out.toSorted((a, b) => b.reasons.length - a.reasons.length || b.lastMs - a.lastMs);
}
