// Lists that come from elsewhere, as one thread sees them: guards keep what they were compiled with, and its content changes under
// them.
import type { NamedList } from '../../admission/index.ts';
import { AddressSet } from '../../net/index.ts';

export interface AddressList {
  set: AddressSet;
}

export class AddressLists {
  readonly #byName = new Map<string, AddressList>();

  /** A list that nothing is known of yet is empty: it denies nobody, and allows nobody. */
  of(name: string): AddressList {
    let list = this.#byName.get(name);
    if (list === undefined) {
      list = { set: new AddressSet([]) };
      this.#byName.set(name, list);
    }
    return list;
  }

  update({ name, memory }: NamedList): void {
    this.of(name).set = new AddressSet(memory);
  }
}
