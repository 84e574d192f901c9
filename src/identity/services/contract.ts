// The port through which the internal certificate authority keeps its state: authorities with sealed keys, one-time join
// tokens, what was issued, which names stand for which callers, and bundles of other trust domains. `stores/` implements it.

/** A certificate authority of the gate's own: a root, or one below it that issues. */
export interface AuthorityRecord {
  readonly id: string;
  readonly kind: 'root' | 'issuing';
  readonly trustDomain: string;
  /** Root that signed it; empty for a root. */
  readonly parent: string;
  /** PEM; empty while a request for it waits for the root's signature. */
  readonly certificate: string;
  /** PKCS #8 PEM, sealed by the store; empty where the key is kept elsewhere, as a root's should be. */
  readonly key: string;
  readonly createdMs: number;
  /** From when it issues: its root has been published for long enough by then. */
  readonly activeMs: number;
  /** End of its certificate, ms. */
  readonly untilMs: number;
  readonly revokedMs: number | null;
  readonly revision: number;
}

export interface JoinTokenRecord {
  /** Public part of the token. */
  readonly id: string;
  /** SHA-256 of the whole token, lower-case hexadecimal. */
  readonly sha256: string;
  readonly principal: string;
  readonly createdMs: number;
  readonly expiresMs: number;
  readonly usedMs: number | null;
}

/** How a service proved that it is what it says, for lists and audit. */
export type Attestation = 'socket' | 'join-token' | 'kubernetes' | 'certificate' | 'gate' | 'command';

/** An X509-SVID that was issued. */
export interface SvidRecord {
  /** Serial number, lower-case hexadecimal. */
  readonly serial: string;
  readonly principal: string;
  readonly spiffeId: string;
  /** Authority that signed it. */
  readonly authority: string;
  /** SHA-256 of the certificate and of its public key (SPKI), lower-case hexadecimal. */
  readonly fingerprint: string;
  readonly keySha256: string;
  readonly attestation: Attestation;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly revokedMs: number | null;
}

/** Something that stands for a principal: a name in its certificates, or an account elsewhere. */
export interface BindingRecord {
  /** `spiffe:…`, `dns:…`, `uri:…`, `email:…`, `subject:…`, `sha256:…` of a certificate, `kubernetes:cluster/namespace/account`. */
  readonly identity: string;
  readonly principal: string;
  readonly createdMs: number;
}

/** A name in certificates that stands for a caller, with what the caller may. */
export interface StoredCallerRecord {
  readonly identity: string;
  readonly id: string;
  readonly scopes: readonly string[];
}

/** Trust bundle of another trust domain as it was last fetched. */
export interface BundleRecord {
  readonly trustDomain: string;
  /** SPIFFE bundle document, JSON text. */
  readonly document: string;
  readonly fetchedMs: number;
}

/** Where one credential was seen. */
export interface SightingRecord {
  /** `certificate`, `key` (the public key of certificates) or `api-key`. */
  readonly kind: 'certificate' | 'key' | 'api-key';
  /** SHA-256 or id of the credential. */
  readonly credential: string;
  /** Caller that it spoke for. */
  readonly caller: string;
  readonly address: string;
  readonly firstMs: number;
  readonly lastMs: number;
}

/** What allows an issue: nothing more, or a join token that it uses up. */
export type IssueProof = { readonly kind: 'attested' } | { readonly kind: 'token'; readonly sha256: string };

/**
 * Each change is one transaction: durable when its promise resolves, not there at all if the process dies before. Methods
 * reject with IdentityError for what a user can mend.
 */
export interface ServiceStore {
  authorities(trustDomain: string): Promise<readonly AuthorityRecord[]>;
  /** Adds authorities that belong together, all or none. Rejects when one of the same kind would become active at `unlessActiveMs` or after. */
  addAuthorities(
    records: readonly Omit<AuthorityRecord, 'revision'>[],
    unlessIssuingActiveMs: number | null,
  ): Promise<boolean>;
  /** Gives the certificate to a requested authority. */
  completeAuthority(
    id: string,
    certificate: string,
    parent: string,
    activeMs: number,
    untilMs: number,
  ): Promise<void>;
  /** Withdraws an authority: nothing that it signed is accepted any more. */
  revokeAuthority(id: string, fingerprint: string, nowMs: number, untilMs: number): Promise<void>;
  /** Number of the published bundle; moves exactly when what is published has changed. */
  bundleSequence(trustDomain: string, nowMs: number): Promise<number>;

  addJoinToken(token: JoinTokenRecord): Promise<void>;
  joinTokens(nowMs: number): Promise<readonly JoinTokenRecord[]>;
  /** Forgets an unused token; false when there is none. */
  removeJoinToken(id: string): Promise<boolean>;

  /**
   * Writes down an SVID before it is handed out. Rejects unless the principal is an enabled service, the authority is not
   * revoked, and the proof holds; a token is used up in the same transaction.
   */
  addSvid(record: SvidRecord, proof: IssueProof, nowMs: number): Promise<void>;
  /** Whether a service of this name is there and not disabled. */
  serviceStands(principal: string): Promise<boolean>;
  /** Principal of an unused token that has not ended; null for any other. */
  tokenOwner(sha256: string, nowMs: number): Promise<string | null>;
  /** Newest first. `principal` empty: all. Ended ones only with `ended`. */
  svids(principal: string, nowMs: number, ended: boolean, limit: number): Promise<readonly SvidRecord[]>;
  svid(serial: string): Promise<SvidRecord | null>;
  /** By its fingerprint, whoever asks for a renewal with it. */
  svidByFingerprint(fingerprint: string): Promise<SvidRecord | null>;
  /** Withdraws one; threads refuse it from the next look at the state on. */
  revokeSvid(serial: string, nowMs: number): Promise<SvidRecord>;
  revokedSvids(nowMs: number): Promise<readonly SvidRecord[]>;

  addBinding(binding: BindingRecord): Promise<void>;
  removeBinding(identity: string): Promise<boolean>;
  bindings(principal: string): Promise<readonly BindingRecord[]>;
  bindingOf(identity: string): Promise<BindingRecord | null>;

  /**
   * Names that stand for callers: bindings, and the ids of services in `trustDomain` where there is one. Disabled ones too:
   * their names must not come to mean somebody else.
   */
  callers(trustDomain: string | null): Promise<readonly StoredCallerRecord[]>;

  bundles(): Promise<readonly BundleRecord[]>;
  putBundle(bundle: BundleRecord): Promise<void>;

  /** Adds sightings, keeping first and last moments. */
  noteSightings(sightings: readonly SightingRecord[]): Promise<void>;
  /** Sightings of credentials that speak for several callers or come from several addresses. */
  sightings(sinceMs: number): Promise<readonly SightingRecord[]>;

  /** Public keys that certificates of several services have, which issued them as sightings without address. */
  sharedKeys(nowMs: number): Promise<readonly SightingRecord[]>;

  /** Forgets tokens, SVIDs and sightings that ended before `beforeMs`; tells how many. */
  pruneServices(beforeMs: number): Promise<number>;
  /** Calls back when the state may have changed, by whomever. */
  onChange(callback: () => void): () => void;
}
