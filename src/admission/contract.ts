// Who is kept out by address: bans that end by themselves, and lists that come from elsewhere.
import type { AddressSetMemory } from '../net/index.ts';

/** An address or block that is refused until a moment. */
export interface Ban {
  /** Canonical block, `192.0.2.1/32` or `2001:db8::/64`. */
  readonly block: string;
  /** For people and the log. */
  readonly reason: string;
  /** Who set it: an operator, a rule, a detector. */
  readonly by: string;
  readonly createdMs: number;
  /** Wall clock, ms. */
  readonly untilMs: number;
}

/** Where bans are kept that several gates, or several lives of one, have in common. */
export interface BanStore {
  /** All that have not ended, or null when nothing has changed since the last call. */
  changes(): Promise<readonly Ban[] | null>;
  put(ban: Ban): Promise<void>;
  /** False when there was none. */
  remove(block: string): Promise<boolean>;
  /** Calls back soon after a change; answers a function that stops it. Null where it has to be asked. */
  readonly onChange: ((callback: () => void) => () => void) | null;
}

export interface BansConfig {
  /** CIDR blocks that are never banned. */
  readonly never: readonly string[];
  /** The longest that a ban may last, ms. */
  readonly longestMs: number;
}

/** A list of addresses in a file or at a URL. */
export interface AddressListConfig {
  readonly name: string;
  readonly source:
    | { readonly kind: 'file'; readonly file: string }
    /** Addresses of a feed of threat intelligence, which reads and proves itself. */
    | { readonly kind: 'feed'; readonly feed: string }
    | {
        readonly kind: 'url';
        readonly url: string;
        /** `public` connects to public addresses only. */
        readonly reach: 'public' | 'anywhere';
        readonly refreshMs: number;
        /** Last good copy, for a start without the source; empty for none. */
        readonly cache: string;
      };
  /** Hexadecimal SHA-256 of the whole list; empty for any. */
  readonly sha256: string;
  /** PEM of an Ed25519 key; empty for lists that are not signed. */
  readonly publicKey: string;
  /** Where the signature is (64 bytes, plain or base64); beside the list with `.sig` when empty. */
  readonly signature: string;
  /** A gate does not start without it. */
  readonly isRequired: boolean;
}

/** A list as threads get it. */
export interface NamedList {
  readonly name: string;
  readonly memory: AddressSetMemory;
}
