// How single fields of the state are sealed: with the vault's key `state` where the vault is open, else with the seal key
// alone, as it was before there was a vault. Both open.
import { isEnvelope, SealError } from '../envelope/index.ts';
import type { Barrier } from '../vault/index.ts';
import { type SqlSession, StateError } from './contract.ts';
import type { Seal } from './seal.ts';
import { SqlVaultSession, STATE_KEY } from './vault-store.ts';

export class FieldSeal {
  readonly #seal: Seal | null;
  readonly #barrier: Barrier;

  constructor(seal: Seal | null, barrier: Barrier) {
    this.#seal = seal;
    this.#barrier = barrier;
  }

  /** Whether anything can be sealed. */
  get canSeal(): boolean {
    return !this.#barrier.sealed || this.#seal !== null;
  }

  /** Learns inside of a transaction that has the vault's lock which keys there are, if others have changed them. */
  async renew(session: SqlSession): Promise<void> {
    if (!this.#barrier.sealed) await this.#barrier.refresh(new SqlVaultSession(session));
  }

  /** `place` names the row and never changes. Throws StateError without any key. */
  close(place: string, clear: string): string {
    if (!this.#barrier.sealed) return this.#barrier.sealText(place, STATE_KEY, Buffer.from(clear, 'utf8'));
    if (this.#seal === null)
      throw new StateError('secrets can not be kept without a key: set "state.seal" or unseal the vault');
    return this.#seal.close(place, clear);
  }

  /** Rejects with StateError when it was sealed with another key, for another place, or was changed. */
  async open(place: string, sealed: string): Promise<string> {
    if (!isEnvelope(sealed)) {
      if (this.#seal === null)
        throw new StateError('secrets can not be read without the seal key: set "state.seal"');
      return this.#seal.open(place, sealed);
    }
    if (this.#barrier.sealed) throw new StateError(`${place} can not be opened while the vault is sealed`);
    try {
      return (await this.#barrier.openText(place, sealed)).toString('utf8');
    } catch (error) {
      if (error instanceof SealError)
        throw new StateError(`${place} can not be opened: the key is another, or the row was changed`);
      throw error;
    }
  }

  /** Text for people: sealed where something can be sealed. */
  closeNote(place: string, note: string): string {
    return note === '' || this.#barrier.sealed ? note : this.close(place, note);
  }

  async openNote(place: string, note: string): Promise<string> {
    return isEnvelope(note) ? this.open(place, note) : note;
  }
}
