// How likely the next step of a caller is after its last one: a first-order Markov chain over operations, learned from all
// callers. Unseen steps get what Witten-Bell smoothing (1991) leaves for them: much where every step was new, little
// where a thousand steps brought two different ones.

/** Steps kept for one state; rarer ones are forgotten first. */
const MAX_STEPS = 64;

interface StateRow {
  total: number;
  readonly steps: Map<string, number>;
}

export class MarkovChain {
  readonly #rows = new Map<string, StateRow>();
  readonly #maxStates: number;
  /** How often each state was reached, for what to expect after a state that was never left. */
  readonly #reached = new Map<string, number>();
  #reachedTotal = 0;

  /** `maxStates` bounds memory: further states are not learned. */
  constructor(maxStates = 2048) {
    this.#maxStates = maxStates;
  }

  /** Learns one step. */
  add(from: string, to: string, weight = 1): void {
    let row = this.#rows.get(from);
    if (row === undefined) {
      if (this.#rows.size >= this.#maxStates) return;
      row = { total: 0, steps: new Map() };
      this.#rows.set(from, row);
    }
    if (this.#reached.has(to) || this.#reached.size < this.#maxStates) {
      this.#reached.set(to, (this.#reached.get(to) ?? 0) + weight);
      this.#reachedTotal += weight;
    }
    row.total += weight;
    row.steps.set(to, (row.steps.get(to) ?? 0) + weight);
    if (row.steps.size > MAX_STEPS) dropRarest(row);
  }

  /** Probability of the step in (0, 1]. */
  probability(from: string, to: string): number {
    const kinds = this.#reached.size;
    const background =
      this.#reachedTotal === 0
        ? 1
        : ((this.#reached.get(to) ?? 0) + 0.5) / (this.#reachedTotal + 0.5 * (kinds + 1));
    const row = this.#rows.get(from);
    if (row === undefined) return background;
    const different = row.steps.size;
    return ((row.steps.get(to) ?? 0) + different * background) / (row.total + different);
  }

  /** −ln of the probability: nats of surprise. */
  surprise(from: string, to: string): number {
    return -Math.log(this.probability(from, to));
  }

  merge(other: MarkovChain): void {
    for (const [from, row] of other.#rows) for (const [to, weight] of row.steps) this.add(from, to, weight);
  }

  decay(factor: number): void {
    for (const row of this.#rows.values()) {
      row.total = 0;
      for (const [to, weight] of row.steps) {
        if (weight * factor < 0.01) row.steps.delete(to);
        else {
          row.steps.set(to, weight * factor);
          row.total += weight * factor;
        }
      }
    }
    this.#reachedTotal = 0;
    for (const [to, weight] of this.#reached) {
      this.#reached.set(to, weight * factor);
      this.#reachedTotal += weight * factor;
    }
  }

  toJSON(): [string, [string, number][]][] {
    return [...this.#rows].map(([from, row]) => [from, [...row.steps]]);
  }

  static from(
    value: readonly (readonly [string, readonly (readonly [string, number])[]])[],
    maxStates = 2048,
  ): MarkovChain {
    const chain = new MarkovChain(maxStates);
    for (const [from, steps] of value) for (const [to, weight] of steps) chain.add(from, to, weight);
    return chain;
  }
}

function dropRarest(row: StateRow): void {
  let [rarest, least] = ['', Number.POSITIVE_INFINITY];
  for (const [to, weight] of row.steps) if (weight < least) [rarest, least] = [to, weight];
  row.steps.delete(rarest);
  row.total -= least;
}
