// How often somebody may try. Attempts are counted before they are judged, so that many at once gain nothing: by the
// account, by the address and by its network. A browser that has once got into an account carries proof of it and is
// counted by itself, so that whoever fails at an account on purpose does not lock its owner out.
import { createHmac, randomBytes } from 'node:crypto';
import type { OAuthStore } from './contract.ts';
import { parseAddress } from './network.ts';

const WINDOW_MS = 15 * 60_000;
/** Wrong passwords of one account from browsers that it does not know, before waiting begins. */
const ACCOUNT_FREE = 5;
/** The wait before the first too many; it doubles each time, which leaves some 11 attempts in a window. */
const ACCOUNT_WAIT_MS = 15_000;
/** Wrong passwords of a browser that the account knows; then it is as good as unknown. */
const DEVICE_FREE = 10;
/** Failed logins of one address (of IPv6, its /64), and of its network (/24, /48), within the window. */
const ADDRESS_LIMIT = 30;
const NETWORK_LIMIT = 200;
/** Failed logins with passwords whose hashes begin alike, over all accounts and sources: one password tried everywhere. */
const SECRET_LIMIT = 100;
/** So few bits of the hash that none of them gives a password away. */
const SECRET_DIGITS = 4;

export type ThrottleVerdict =
  | { readonly kind: 'go'; readonly attempt: LoginAttempt }
  | {
      readonly kind: 'wait';
      readonly retryMs: number;
      readonly reason: 'account' | 'address' | 'network' | 'secret';
    };

/** One attempt that was counted and not yet judged. */
export interface LoginAttempt {
  readonly accountBuckets: readonly string[];
  readonly sourceBuckets: readonly string[];
}

export class LoginThrottle {
  readonly #store: OAuthStore;
  /** New with every start: what begins alike can not be worked out beforehand, nor read from the state. */
  readonly #pepper = randomBytes(16);

  constructor(store: OAuthStore) {
    this.#store = store;
  }

  /**
   * Counts an attempt at `account` (as typed, in any case) from `address`. `device` is the id of a browser that has got
   * into this very account before, empty for none. `stage` tells passwords from second factors. `secret`: the password, where it
   * is counted too; known browsers are not bound by it.
   */
  async begin(
    stage: 'password' | 'factor' | 'device',
    account: string,
    address: string,
    device: string,
    nowMs: number,
    secret = '',
  ): Promise<ThrottleVerdict> {
    const { host, network } = parseAddress(address);
    const name = account.normalize('NFKC').toLowerCase();
    const accountBucket = `${stage}|account|${name}`;
    const deviceBucket = `${stage}|device|${name}|${device}`;
    const sources = [`${stage}|address|${host}`, `${stage}|network|${network}`];
    if (secret !== '' && device === '') sources.push(`${stage}|secret|${this.#prefixOf(secret)}`);
    const counted = await this.#store.countAttempt(
      device === '' ? [...sources, accountBucket] : [...sources, deviceBucket],
      nowMs,
      WINDOW_MS,
    );
    const [byAddress, byNetwork] = counted;
    const byAccount = counted.at(-1);
    const bySecret = counted.length === 4 ? counted[2]! : null;
    if (byAddress!.count > ADDRESS_LIMIT) return { kind: 'wait', retryMs: WINDOW_MS, reason: 'address' };
    if (byNetwork!.count > NETWORK_LIMIT) return { kind: 'wait', retryMs: WINDOW_MS, reason: 'network' };
    if (bySecret !== null && bySecret.count > SECRET_LIMIT)
      return { kind: 'wait', retryMs: WINDOW_MS, reason: 'secret' };
    const attempt = {
      accountBuckets: [device === '' ? accountBucket : deviceBucket],
      sourceBuckets: sources,
    };
    if (device !== '') {
      // A known browser that guesses is treated like any stranger.
      if (byAccount!.count > DEVICE_FREE) return this.begin(stage, account, address, '', nowMs, secret);
      return { kind: 'go', attempt };
    }
    const over = byAccount!.count - ACCOUNT_FREE;
    if (over > 0) {
      const readyMs =
        byAccount!.sinceMs + Math.min(ACCOUNT_WAIT_MS * (2 ** Math.min(over, 10) - 1), WINDOW_MS);
      if (nowMs < readyMs) {
        // Who waits does not make it longer, and neither does who does not.
        await this.#store.forgiveAttempt(attempt.accountBuckets, false);
        return { kind: 'wait', retryMs: readyMs - nowMs, reason: 'account' };
      }
    }
    return { kind: 'go', attempt };
  }

  #prefixOf(secret: string): string {
    return createHmac('sha256', this.#pepper).update(secret).digest('hex').slice(0, SECRET_DIGITS);
  }

  /** The attempt was right: it counts nowhere, and the account starts anew. */
  async succeed({ accountBuckets, sourceBuckets }: LoginAttempt): Promise<void> {
    await this.#store.forgiveAttempt(accountBuckets, true);
    // An address that gets into its own account in between does not begin anew with those of others.
    await this.#store.forgiveAttempt(sourceBuckets, false);
  }

  /** The attempt was not judged. */
  async takeBack({ accountBuckets, sourceBuckets }: LoginAttempt): Promise<void> {
    await this.#store.forgiveAttempt([...accountBuckets, ...sourceBuckets], false);
  }
}
