// Setting up and unsealing with shares: keepers come one after the other, to this node. What they gave is kept in memory until
// enough of it is there.
import { parseShare, SealError, type Share, ShareError } from '../envelope/index.ts';
import type { Barrier } from './barrier.ts';
import { VaultError } from './contract.ts';
import { givenSharesRoot, newSharesRoot, sharesInfo } from './roots/local.ts';

export interface SealStatus {
  readonly initialized: boolean;
  readonly sealed: boolean;
  /** Kind of what wraps the root key. */
  readonly kind: string;
  /** Of shares; 0 for other kinds. */
  readonly threshold: number;
  readonly count: number;
  readonly progress: number;
}

export class Unsealing {
  readonly #barrier: Barrier;
  readonly #mayInitialize: boolean;
  #given: Share[] = [];

  /** `mayInitialize`: the configuration wants shares, so whoever comes first may set the vault up. */
  constructor(barrier: Barrier, mayInitialize: boolean) {
    this.#barrier = barrier;
    this.#mayInitialize = mayInitialize;
  }

  async status(): Promise<SealStatus> {
    const root = await this.#barrier.wrappedRoot();
    const info = root?.kind === 'shares' ? sharesInfo(root.wrapped) : null;
    return {
      initialized: root !== null,
      sealed: this.#barrier.sealed,
      kind: root?.kind ?? '',
      threshold: info?.threshold ?? 0,
      count: info?.count ?? 0,
      progress: this.#given.length,
    };
  }

  /** Answers the shares, which are nowhere else. */
  async initialize(count: number, threshold: number): Promise<readonly string[]> {
    if (!this.#mayInitialize)
      throw new VaultError('invalid', 'this vault is set up with the root key that its configuration names');
    try {
      const root = newSharesRoot(count, threshold);
      await this.#barrier.initialize(root);
      return root.shares;
    } catch (error) {
      if (error instanceof ShareError) throw new VaultError('invalid', error.message);
      throw error;
    }
  }

  /** Takes one share. With the last one that is needed the vault is unsealed. */
  async give(text: string): Promise<SealStatus> {
    const root = await this.#barrier.wrappedRoot();
    if (root === null) throw new VaultError('not-initialized', 'Vault is not initialized');
    if (root.kind !== 'shares') throw new VaultError('invalid', 'this vault is not unsealed with shares');
    if (!this.#barrier.sealed) return this.status();
    const { set, threshold } = sharesInfo(root.wrapped);
    let share: Share;
    try {
      share = parseShare(text);
    } catch (error) {
      if (error instanceof ShareError) throw new VaultError('invalid', error.message);
      throw error;
    }
    if (share.set !== set)
      throw new VaultError('invalid', 'this share is of another vault, or of an older root key');
    if (!this.#given.some(({ x }) => x === share.x)) this.#given.push(share);
    if (this.#given.length < threshold) return this.status();
    const given = this.#given;
    this.#given = [];
    try {
      await this.#barrier.unseal(givenSharesRoot(given));
    } catch (error) {
      if (error instanceof SealError || error instanceof ShareError)
        throw new VaultError('invalid', 'these shares do not open the vault: begin again');
      throw error;
    } finally {
      for (const { bytes } of given) bytes.fill(0);
    }
    return this.status();
  }

  reset(): void {
    for (const { bytes } of this.#given) bytes.fill(0);
    this.#given = [];
  }
}
