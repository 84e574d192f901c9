// What is done with the root's key: beginning, new issuing authorities, a new root. Each ceremony ends in one write to the
// state, so that a crash leaves the old trust or the new one; a root's file is written before the state knows of the root.
import { createHash, createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import type { Clock } from '../../core/index.ts';
import { parseCertificate, pemCertificates } from '../../net/tls/index.ts';
import { IdentityError } from '../contract.ts';
import { createAuthority, createAuthorityRequest, createKeyPair, readRequest } from './certificates.ts';
import type { AuthorityRecord, ServiceStore } from './contract.ts';
import { toPem } from './pem.ts';
import type { RootKey } from './root-key.ts';

const DAY_MS = 86_400_000;
export const ROOT_LIFE_MS = 10 * 365 * DAY_MS;
export const ISSUING_LIFE_MS = 90 * DAY_MS;
/**
 * A new root is published this long before anything below it signs: verifiers fetch bundles again within it, ms. Twice
 * the refresh hint that is published by default.
 */
export const ROOT_AHEAD_MS = 600_000;
/** An issuing authority is replaced when this share of its life is over. */
const ROTATE_SHARE = 2 / 3;

type NewAuthority = Omit<AuthorityRecord, 'revision'>;

export const newAuthorityId = (): string => randomBytes(6).toString('hex');

export async function createRoot(
  trustDomain: string,
  nowMs: number,
  lifeMs = ROOT_LIFE_MS,
): Promise<RootKey> {
  const keys = await createKeyPair();
  const id = newAuthorityId();
  const certificate = await createAuthority(
    { trustDomain, id, kind: 'root', nowMs, lifeMs, random: randomBytes },
    keys.publicKey,
    { selfKeyPem: keys.privatePem },
  );
  return { id, trustDomain, certificate, privatePem: keys.privatePem };
}

async function createIssuing(
  root: RootKey,
  nowMs: number,
  activeMs: number,
  lifeMs: number,
): Promise<NewAuthority> {
  const keys = await createKeyPair();
  const id = newAuthorityId();
  const certificate = await createAuthority(
    { trustDomain: root.trustDomain, id, kind: 'issuing', nowMs, lifeMs, random: randomBytes },
    keys.publicKey,
    { certificate: root.certificate, privatePem: root.privatePem },
  );
  return {
    id,
    kind: 'issuing',
    trustDomain: root.trustDomain,
    parent: root.id,
    certificate,
    key: keys.privatePem,
    createdMs: nowMs,
    activeMs,
    untilMs: endOf(certificate),
    revokedMs: null,
  };
}

const endOf = (pem: string): number => parseCertificate(new X509Certificate(pem).raw).notAfterMs;

export interface CeremonyOptions {
  /** Keeps the root's key in the state, too: issuing authorities then rotate by themselves. */
  readonly keepRootKey: boolean;
  readonly issuingLifeMs?: number;
}

/**
 * Puts a root into the state with an issuing authority below it. For the first root both count at once; a further root is
 * published first, and its issuing authority signs ROOT_AHEAD_MS later. Rejects when there was a root and `isFirst`.
 */
export async function installRoot(
  store: ServiceStore,
  root: RootKey,
  isFirst: boolean,
  options: CeremonyOptions,
  clock: Clock,
): Promise<{ readonly root: string; readonly issuing: string; readonly activeMs: number }> {
  const nowMs = clock.epochMs();
  const known = await store.authorities(root.trustDomain);
  if (isFirst && known.length > 0)
    throw new IdentityError('exists', `there is an authority for ${root.trustDomain} already`);
  const activeMs = isFirst ? nowMs : nowMs + ROOT_AHEAD_MS;
  const issuing = await createIssuing(root, nowMs, activeMs, options.issuingLifeMs ?? ISSUING_LIFE_MS);
  const added = await store.addAuthorities(
    [
      {
        id: root.id,
        kind: 'root',
        trustDomain: root.trustDomain,
        parent: '',
        certificate: root.certificate,
        key: options.keepRootKey ? root.privatePem : '',
        createdMs: nowMs,
        activeMs: nowMs,
        untilMs: endOf(root.certificate),
        revokedMs: null,
      },
      issuing,
    ],
    // Of two that begin at once, one does.
    isFirst ? 0 : null,
  );
  if (!added) throw new IdentityError('exists', `there is an authority for ${root.trustDomain} already`);
  return { root: root.id, issuing: issuing.id, activeMs };
}

/** A new issuing authority below a root that the state knows. It signs at once: its root has been trusted before. */
export async function rotateIssuing(
  store: ServiceStore,
  root: RootKey,
  clock: Clock,
  lifeMs = ISSUING_LIFE_MS,
  unlessActiveMs: number | null = null,
): Promise<string | null> {
  const nowMs = clock.epochMs();
  requireRoot(await store.authorities(root.trustDomain), root, nowMs);
  const issuing = await createIssuing(root, nowMs, nowMs, lifeMs);
  return (await store.addAuthorities([issuing], unlessActiveMs)) ? issuing.id : null;
}

function requireRoot(known: readonly AuthorityRecord[], root: RootKey, nowMs: number): void {
  const found = known.find(({ id, kind }) => id === root.id && kind === 'root');
  const isSame =
    found !== undefined &&
    new X509Certificate(found.certificate).raw.equals(new X509Certificate(root.certificate).raw);
  if (!isSame || found.revokedMs !== null || found.untilMs <= nowMs)
    throw new IdentityError(
      'unknown',
      `the root ${root.id} is not one that is trusted for ${root.trustDomain}`,
    );
}

export interface RotationDue {
  /** Issuing authority that should be replaced; null while none is due. */
  readonly authority: AuthorityRecord | null;
  /** When the newest is or was due, ms; null without one. */
  readonly dueMs: number | null;
  /** Root in the state that can sign the next. */
  readonly root: RootKey | null;
}

/** Whether an issuing authority is to be replaced, and whether the state can do it alone. */
export function issuingDue(known: readonly AuthorityRecord[], nowMs: number): RotationDue {
  const standing = known.filter(({ certificate, revokedMs }) => certificate !== '' && revokedMs === null);
  // One that has ended is due as well: a gate that was away for long goes on.
  const newest = standing
    .filter(({ kind, key }) => kind === 'issuing' && key !== '')
    .toSorted((a, b) => a.activeMs - b.activeMs)
    .at(-1);
  const root = standing
    .filter(({ kind, key, untilMs }) => kind === 'root' && key !== '' && untilMs > nowMs)
    .toSorted((a, b) => a.activeMs - b.activeMs)
    .at(-1);
  const dueMs =
    newest === undefined ? null : newest.activeMs + (newest.untilMs - newest.activeMs) * ROTATE_SHARE;
  return {
    authority: newest !== undefined && dueMs! <= nowMs ? newest : null,
    dueMs,
    root:
      root === undefined
        ? null
        : { id: root.id, trustDomain: root.trustDomain, certificate: root.certificate, privatePem: root.key },
  };
}

/** Replaces the issuing authority if it is due and the root's key is in the state; several nodes make one. */
export async function rotateIssuingIfDue(
  store: ServiceStore,
  trustDomain: string,
  clock: Clock,
): Promise<string | null> {
  const due = issuingDue(await store.authorities(trustDomain), clock.epochMs());
  if (due.authority === null || due.root === null) return null;
  return rotateIssuing(store, due.root, clock, ISSUING_LIFE_MS, due.authority.activeMs + 1);
}

// The way without the root's key on this machine: request here, sign where the key is, install here.

/** Makes the key of a new issuing authority, sealed in the state, and the request for its certificate. */
export async function requestIssuing(
  store: ServiceStore,
  trustDomain: string,
  clock: Clock,
): Promise<{ readonly id: string; readonly request: string }> {
  const known = await store.authorities(trustDomain);
  if (known.length === 0) throw new IdentityError('unknown', `there is no authority for ${trustDomain}`);
  const keys = await createKeyPair();
  const id = newAuthorityId();
  const nowMs = clock.epochMs();
  const request = await createAuthorityRequest({ trustDomain, id }, keys);
  await store.addAuthorities(
    [
      {
        id,
        kind: 'issuing',
        trustDomain,
        parent: '',
        certificate: '',
        key: keys.privatePem,
        createdMs: nowMs,
        activeMs: nowMs,
        untilMs: nowMs + 30 * DAY_MS,
        revokedMs: null,
      },
    ],
    null,
  );
  return { id, request };
}

/** Where the root's key is: signs a request. Needs no state. */
export async function signRequest(
  root: RootKey,
  request: string,
  nowMs: number,
  lifeMs = ISSUING_LIFE_MS,
): Promise<string> {
  const { publicKey, commonName } = await readRequest(request);
  const id = /^Issuing authority ([0-9a-f]{12})$/.exec(commonName)?.[1];
  if (id === undefined)
    throw new IdentityError('invalid', 'this is not a request of "gatewright ca request"');
  return createAuthority(
    { trustDomain: root.trustDomain, id, kind: 'issuing', nowMs, lifeMs, random: randomBytes },
    publicKey,
    { certificate: root.certificate, privatePem: root.privatePem },
  );
}

/** Takes the signed certificate of a request; everything about it is verified against key and root of the state. */
export async function installIssuing(
  store: ServiceStore,
  trustDomain: string,
  pem: string,
  clock: Clock,
): Promise<string> {
  const nowMs = clock.epochMs();
  let certificate: X509Certificate;
  try {
    const [der] = pemCertificates(pem);
    certificate = new X509Certificate(der!);
  } catch {
    throw new IdentityError('invalid', 'this is not a certificate in PEM');
  }
  const known = await store.authorities(trustDomain);
  const waiting = known.find(
    ({ kind, certificate: has, key }) =>
      kind === 'issuing' && has === '' && key !== '' && certificate.checkPrivateKey(createPrivateKey(key)),
  );
  if (waiting === undefined) throw new IdentityError('unknown', 'no request waits for this certificate');
  const root = known.find(
    ({ kind, certificate: text, revokedMs, untilMs }) =>
      kind === 'root' &&
      revokedMs === null &&
      untilMs > nowMs &&
      certificate.checkIssued(new X509Certificate(text)) &&
      certificate.verify(new X509Certificate(text).publicKey),
  );
  const details = parseCertificate(certificate.raw);
  if (root === undefined || !details.isCa || details.notAfterMs <= nowMs)
    throw new IdentityError('invalid', 'the certificate is not signed by a root that is trusted here');
  if (details.names.uris.length !== 1 || details.names.uris[0] !== `spiffe://${trustDomain}`)
    throw new IdentityError('invalid', `the certificate is not for ${trustDomain}`);
  await store.completeAuthority(
    waiting.id,
    toPem('CERTIFICATE', certificate.raw),
    root.id,
    Math.max(nowMs, root.activeMs + (root.activeMs === root.createdMs ? 0 : ROOT_AHEAD_MS)),
    details.notAfterMs,
  );
  return waiting.id;
}

export const fingerprintOf = (pem: string): string =>
  createHash('sha256').update(new X509Certificate(pem).raw).digest('hex');
