// SPIFFE ids (https://spiffe.io/docs/latest/spiffe-specs/spiffe-id/), read strictly: one spelling only, so that two
// readers can not see two trust domains or two workloads in one id.

/** The specification's limit, bytes. */
const MAX_ID_BYTES = 2048;
const MAX_TRUST_DOMAIN = 255;

const domainPattern = /^[a-z0-9._-]+$/;
const segmentPattern = /^[A-Za-z0-9._-]+$/;

export interface SpiffeId {
  readonly trustDomain: string;
  /** Path of the workload with its leading slash; empty for the trust domain itself. */
  readonly path: string;
}

/** The id that `text` is, or null. */
export function parseSpiffeId(text: string): SpiffeId | null {
  if (text.length > MAX_ID_BYTES || !text.startsWith('spiffe://')) return null;
  const rest = text.slice('spiffe://'.length);
  const slash = rest.indexOf('/');
  const trustDomain = slash === -1 ? rest : rest.slice(0, slash);
  if (!isTrustDomain(trustDomain)) return null;
  const path = slash === -1 ? '' : rest.slice(slash);
  if (path !== '' && !path.slice(1).split('/').every(isSegment)) return null;
  return { trustDomain, path };
}

export const isTrustDomain = (text: string): boolean =>
  text.length > 0 && text.length <= MAX_TRUST_DOMAIN && domainPattern.test(text);

const isSegment = (segment: string): boolean =>
  segmentPattern.test(segment) && segment !== '.' && segment !== '..';

/** Ids that a pattern stands for. */
export interface SpiffePattern {
  readonly text: string;
  matches(id: SpiffeId): boolean;
}

/**
 * Reads a pattern: a segment `*` is any one segment, `**` at the end any one or more. The trust domain is literal.
 * Null when the text is no pattern.
 */
export function parseSpiffePattern(text: string): SpiffePattern | null {
  if (text.length > MAX_ID_BYTES || !text.startsWith('spiffe://')) return null;
  const [trustDomain, ...segments] = text.slice('spiffe://'.length).split('/') as [string, ...string[]];
  if (!isTrustDomain(trustDomain) || segments.length === 0) return null;
  const isOpen = segments.at(-1) === '**';
  const fixed = isOpen ? segments.slice(0, -1) : segments;
  if (!fixed.every((segment) => segment === '*' || isSegment(segment))) return null;
  return {
    text,
    matches: (id) => {
      if (id.trustDomain !== trustDomain || id.path === '') return false;
      const own = id.path.slice(1).split('/');
      if (isOpen ? own.length <= fixed.length : own.length !== fixed.length) return false;
      return fixed.every((segment, index) => segment === '*' || segment === own[index]);
    },
  };
}
