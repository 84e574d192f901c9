// The internal certificate authority at work: which authority issues now, what is trusted, and SVIDs for services that have
// been attested. All of it on the main thread; the state is the only memory, so any node and any command may issue.
import { createHash, randomBytes, type webcrypto, X509Certificate } from 'node:crypto';
import type { Clock } from '../../core/index.ts';
import { type CompiledKey, compileJwk } from '../../jose/index.ts';
import { IdentityError, type IdentityStore } from '../contract.ts';
import { SigningKeyRing } from '../signing/signing-keys.ts';
import { type TrustBundle, x509AuthoritiesOf } from './bundle.ts';
import { createKeyPair, createRevocationList, createSvid } from './certificates.ts';
import type { Attestation, AuthorityRecord, IssueProof, ServiceStore, SvidRecord } from './contract.ts';
import { isAudience, signJwtSvid } from './jwt-svid.ts';
import { spiffeIdOf } from './names.ts';

export interface ServiceAuthorityConfig {
  readonly trustDomain: string;
  /** Life of X509-SVIDs and JWT-SVIDs, ms. */
  readonly x509LifeMs: number;
  readonly jwtLifeMs: number;
  /** How long one key signs JWT-SVIDs, ms. */
  readonly rotateMs: number;
  /** How often others should fetch the bundle, ms. */
  readonly refreshHintMs: number;
}

/** What happened, for the audit log: names and numbers, no secret. */
export interface ServiceEvent {
  readonly kind:
    | 'svid-issued'
    | 'jwt-svid-issued'
    | 'svid-revoked'
    | 'authority-created'
    | 'signing-key-created'
    | 'authority-revoked'
    | 'join-token-created'
    | 'attestation-refused';
  readonly subject: string;
  readonly details: Readonly<Record<string, string | number>>;
}

export interface X509Svid {
  readonly service: string;
  readonly spiffeId: string;
  /** PEM: the SVID and the issuing authority. */
  readonly chain: string;
  /** PKCS #8 PEM; empty when the service has it. */
  readonly key: string;
  readonly serial: string;
  readonly fingerprint: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** A revocation list is replaced long before it ends. */
const LIST_LIFE_MS = 86_400_000;

export const jwtSvidKeys = (config: ServiceAuthorityConfig) =>
  ({
    purpose: 'jwt-svid',
    algorithm: 'ES256',
    rotateMs: config.rotateMs,
    keepMs: config.jwtLifeMs + 300_000,
  }) as const;

export class ServiceAuthority {
  readonly config: ServiceAuthorityConfig;
  readonly store: ServiceStore;
  readonly #clock: Clock;
  readonly #ring: SigningKeyRing;
  readonly #onEvent: (event: ServiceEvent) => void;
  #authorities: readonly AuthorityRecord[] = [];
  #sequence = 0;
  #jwtKey: { readonly id: string; readonly key: CompiledKey } | null = null;

  constructor(
    store: ServiceStore,
    identity: IdentityStore,
    config: ServiceAuthorityConfig,
    clock: Clock,
    onEvent: (event: ServiceEvent) => void = () => {},
  ) {
    this.config = config;
    this.store = store;
    this.#clock = clock;
    this.#onEvent = onEvent;
    this.#ring = new SigningKeyRing(identity, jwtSvidKeys(config), clock, {
      onRotated: ({ purpose, current, next }) =>
        onEvent({ kind: 'signing-key-created', subject: next?.id ?? current, details: { purpose } }),
    });
  }

  /** Reads the state anew, making the JWT key if it is due. Tells whether what is trusted or issued has changed. */
  async load(): Promise<boolean> {
    await this.#ring.rotate(false);
    const before = this.#stamp();
    this.#authorities = await this.store.authorities(this.config.trustDomain);
    this.#sequence = await this.store.bundleSequence(this.config.trustDomain, this.#clock.epochMs());
    return this.#stamp() !== before;
  }

  #stamp(): string {
    return JSON.stringify([this.#sequence, this.issuing?.id, this.#ring.current?.id]);
  }

  get authorities(): readonly AuthorityRecord[] {
    return this.#authorities;
  }

  /** The authority that signs now; null while there is none. */
  get issuing(): AuthorityRecord | null {
    const nowMs = this.#clock.epochMs();
    const roots = new Set(this.#published('root').map(({ id }) => id));
    return (
      this.#authorities
        .filter(({ kind, key, parent }) => kind === 'issuing' && key !== '' && roots.has(parent))
        .filter((entry) => isUsable(entry, nowMs) && entry.activeMs <= nowMs)
        .toSorted((a, b) => a.activeMs - b.activeMs || (a.id < b.id ? -1 : 1))
        .at(-1) ?? null
    );
  }

  #published(kind: AuthorityRecord['kind']): AuthorityRecord[] {
    const nowMs = this.#clock.epochMs();
    return this.#authorities.filter((entry) => entry.kind === kind && isUsable(entry, nowMs));
  }

  /** What others need to verify SVIDs of this trust domain. Roots are in it from the moment they exist. */
  get bundle(): TrustBundle {
    const { trustDomain, refreshHintMs } = this.config;
    const { keys } = JSON.parse(this.#ring.jwks()) as { keys: Record<string, unknown>[] };
    return {
      trustDomain,
      x509Authorities: this.#published('root').map(({ certificate }) => new X509Certificate(certificate).raw),
      jwtAuthorities: keys.map(({ kty, crv, x, y, kid }) => ({ kty, crv, x, y, kid, use: 'jwt-svid' })),
      sequence: this.#sequence,
      refreshHintMs,
    };
  }

  /** PEM of the roots. */
  get rootsPem(): string {
    return x509AuthoritiesOf(this.bundle);
  }

  /**
   * Issues an X509-SVID to a service that was attested; with a key pair of its own, or for `publicKey`. It is written down
   * before it is handed out.
   */
  async issueX509(
    service: string,
    attestation: Attestation,
    options: {
      readonly publicKey?: webcrypto.CryptoKey;
      readonly dnsNames?: readonly string[];
      readonly proof?: IssueProof;
    } = {},
  ): Promise<X509Svid> {
    const { trustDomain, x509LifeMs } = this.config;
    const spiffeId = spiffeIdOf(trustDomain, service);
    const issuing = this.issuing;
    if (issuing === null)
      throw new IdentityError(
        'unknown',
        'no authority can issue: run "gatewright ca init" or "gatewright ca rotate"',
      );
    const pair = options.publicKey === undefined ? await createKeyPair() : null;
    const publicKey = pair?.publicKey ?? options.publicKey!;
    const nowMs = this.#clock.epochMs();
    const issued = await createSvid(
      { spiffeId, dnsNames: options.dnsNames ?? [], nowMs, lifeMs: x509LifeMs, random: randomBytes },
      publicKey,
      { certificate: issuing.certificate, privatePem: issuing.key },
    );
    const leaf = new X509Certificate(issued.pem);
    const record: SvidRecord = {
      serial: issued.serial,
      principal: service,
      spiffeId,
      authority: issuing.id,
      fingerprint: sha256(leaf.raw),
      keySha256: sha256(leaf.publicKey.export({ format: 'der', type: 'spki' })),
      attestation,
      notBeforeMs: issued.notBeforeMs,
      notAfterMs: issued.notAfterMs,
      revokedMs: null,
    };
    await this.store.addSvid(record, options.proof ?? { kind: 'attested' }, nowMs);
    this.#onEvent({
      kind: 'svid-issued',
      subject: spiffeId,
      details: { serial: record.serial, authority: issuing.id, attestation, notAfterMs: record.notAfterMs },
    });
    return {
      service,
      spiffeId,
      chain: issued.pem + issuing.certificate,
      key: pair?.privatePem ?? '',
      serial: record.serial,
      fingerprint: record.fingerprint,
      notBeforeMs: record.notBeforeMs,
      notAfterMs: record.notAfterMs,
    };
  }

  /** A JWT-SVID for the audiences (JWT-SVID section 3). The caller has attested the service. */
  issueJwt(
    service: string,
    audiences: readonly string[],
  ): { readonly spiffeId: string; readonly token: string } {
    const { trustDomain, jwtLifeMs } = this.config;
    if (audiences.length === 0 || audiences.length > 10 || !audiences.every(isAudience))
      throw new IdentityError('invalid', 'a JWT-SVID needs 1 to 10 audiences of 1 to 1024 characters');
    const spiffeId = spiffeIdOf(trustDomain, service);
    const current = this.#ring.current;
    if (current === null) throw new IdentityError('unknown', 'there is no key for JWT-SVIDs');
    if (this.#jwtKey?.id !== current.id) {
      const key = compileJwk(JSON.parse(current.jwk) as Parameters<typeof compileJwk>[0]);
      this.#jwtKey = { id: current.id, key };
    }
    const nowS = Math.floor(this.#clock.epochMs() / 1000);
    const claims = {
      iss: `spiffe://${trustDomain}`,
      sub: spiffeId,
      aud: audiences,
      iat: nowS,
      exp: nowS + Math.floor(jwtLifeMs / 1000),
      jti: randomBytes(16).toString('base64url'),
    };
    const token = signJwtSvid(this.#jwtKey!.key, claims);
    this.#onEvent({
      kind: 'jwt-svid-issued',
      subject: spiffeId,
      details: { audiences: audiences.join(' '), jti: claims.jti },
    });
    return { spiffeId, token };
  }

  /** Withdraws an SVID everywhere. */
  async revoke(serial: string): Promise<SvidRecord> {
    const record = await this.store.revokeSvid(serial, this.#clock.epochMs());
    this.#onEvent({ kind: 'svid-revoked', subject: record.spiffeId, details: { serial } });
    return record;
  }

  /** Lists of every authority that issues and has its key here, one after the other in PEM. */
  async revocationLists(): Promise<string> {
    const nowMs = this.#clock.epochMs();
    const revoked = await this.store.revokedSvids(nowMs);
    const lists = await Promise.all(
      this.#published('issuing')
        .filter(({ key, certificate }) => key !== '' && certificate !== '')
        .map(({ id, certificate, key }) =>
          createRevocationList(
            { certificate, privatePem: key },
            revoked
              .filter(({ authority }) => authority === id)
              .map(({ serial, revokedMs }) => ({ serial, revokedMs: revokedMs! })),
            nowMs,
            LIST_LIFE_MS,
          ),
        ),
    );
    return lists.join('');
  }

  stop(): void {
    this.#ring.stop();
  }
}

const isUsable = (entry: AuthorityRecord, nowMs: number): boolean =>
  entry.certificate !== '' && entry.revokedMs === null && entry.untilMs > nowMs;

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
