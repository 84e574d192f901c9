// One service's view of the authority: its SVID, all bundles, JWT-SVIDs of its own. What the servers of sockets are given.
import type { Clock } from '../../core/index.ts';
import { IdentityError } from '../contract.ts';
import type { ServiceAuthority, X509Svid } from './authority.ts';
import { compileJwtAuthorities, type TrustBundle } from './bundle.ts';
import { type VerifiedJwtSvid, verifyJwtSvid } from './jwt-svid.ts';
import { spiffeIdOf } from './names.ts';
import { SvidHolder } from './svid-holder.ts';

export interface ServiceSourceOptions {
  readonly authority: ServiceAuthority;
  readonly service: string;
  readonly clock: Clock;
  /** Bundles of other trust domains as they are known now. */
  readonly federated: () => readonly TrustBundle[];
  readonly onProblem: (problem: string) => void;
  readonly random?: () => number;
}

export class ServiceSource {
  readonly #options: ServiceSourceOptions;
  readonly #holder: SvidHolder;
  readonly #listeners = new Set<() => void>();

  constructor(options: ServiceSourceOptions) {
    this.#options = options;
    const { authority, service, clock, onProblem, random } = options;
    this.#holder = new SvidHolder({
      authority,
      service,
      attestation: 'socket',
      clock,
      onProblem,
      onChange: () => this.changed(),
      ...(random === undefined ? {} : { random }),
    });
  }

  /** Looks whether SVID and service still stand; resolves when the SVID is the newest. */
  check(): Promise<void> {
    return this.#holder.check();
  }

  /** Tells whoever follows. */
  changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  get svid(): X509Svid | null {
    return this.#holder.current;
  }

  get bundles(): readonly TrustBundle[] {
    return [this.#options.authority.bundle, ...this.#options.federated()];
  }

  /** `spiffeId` empty, or the service's own: there is no other to have. */
  async issueJwt(
    audiences: readonly string[],
    spiffeId: string,
  ): Promise<{ spiffeId: string; token: string }> {
    const { authority, service } = this.#options;
    if (spiffeId !== '' && spiffeId !== spiffeIdOf(authority.config.trustDomain, service))
      throw new IdentityError('unknown', 'no identity issued');
    if (!(await authority.store.serviceStands(service)))
      throw new IdentityError('revoked', 'no identity issued');
    return authority.issueJwt(service, audiences);
  }

  validateJwt(token: string, audience: string): VerifiedJwtSvid | string {
    const keysOf = (trustDomain: string) => {
      const bundle = this.bundles.find((entry) => entry.trustDomain === trustDomain);
      return bundle === undefined ? null : compileJwtAuthorities(bundle);
    };
    return verifyJwtSvid(token, audience, keysOf, this.#options.clock.epochMs());
  }

  onChange(callback: () => void): () => void {
    // A wrapper: one callback may follow twice.
    const listener = (): void => callback();
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  stop(): void {
    this.#holder.stop();
  }
}
