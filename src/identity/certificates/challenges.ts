// The answers to open ACME challenges, and their way to all data-plane threads before the authority is told to look.
import type { AlpnChallenge } from '../../net/tls/index.ts';

export interface ChallengeAnswers {
  readonly http: readonly { readonly token: string; readonly authorization: string }[];
  readonly alpn: readonly AlpnChallenge[];
}

/** Resolves when every thread answers with `answers`. */
export type PublishChallenges = (answers: ChallengeAnswers) => Promise<void>;

export class Challenges {
  readonly #publish: PublishChallenges;
  readonly #http = new Map<string, string>();
  readonly #alpn = new Map<string, AlpnChallenge>();

  constructor(publish: PublishChallenges) {
    this.#publish = publish;
  }

  get answers(): ChallengeAnswers {
    return {
      http: [...this.#http].map(([token, authorization]) => ({ token, authorization })),
      alpn: [...this.#alpn.values()],
    };
  }

  addHttp(token: string, authorization: string): Promise<void> {
    this.#http.set(token, authorization);
    return this.#publish(this.answers);
  }

  addAlpn(challenge: AlpnChallenge): Promise<void> {
    this.#alpn.set(challenge.name, challenge);
    return this.#publish(this.answers);
  }

  async remove(tokens: readonly string[], names: readonly string[]): Promise<void> {
    for (const token of tokens) this.#http.delete(token);
    for (const name of names) this.#alpn.delete(name);
    await this.#publish(this.answers);
  }
}
