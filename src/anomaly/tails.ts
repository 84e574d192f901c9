// Tail probabilities of the distributions that tests here need, accurate far out in the tail, where budgets of false
// alarms lie (1e-6 and less). Formulas: DLMF chapters 5 (gamma), 8 (incomplete gamma and beta).

const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
] as const;
/** Relative error at which series and continued fractions end. */
const PRECISION = 1e-14;
const MAX_TERMS = 5000;
const TINY = 1e-300;

/** ln Γ(x) for x > 0 (Lanczos 1964, g = 7). */
export function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.abs(Math.sin(Math.PI * x))) - logGamma(1 - x);
  const z = x - 1;
  let sum: number = LANCZOS[0];
  for (let i = 1; i < LANCZOS.length; i++) sum += LANCZOS[i]! / (z + i);
  const t = z + 7.5;
  return 0.5 * Math.log(2 * Math.PI) + (z + 0.5) * Math.log(t) - t + Math.log(sum);
}

/** Regularised lower and upper incomplete gamma functions P(a, x) and Q(a, x). */
function gammaTails(a: number, x: number): { readonly lower: number; readonly upper: number } {
  if (x <= 0) return { lower: 0, upper: 1 };
  const front = Math.exp(a * Math.log(x) - x - logGamma(a));
  if (x < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let n = 1; n < MAX_TERMS && Math.abs(term) > Math.abs(sum) * PRECISION; n++) {
      term *= x / (a + n);
      sum += term;
    }
    const lower = Math.min(1, front * sum);
    return { lower, upper: 1 - lower };
  }
  let b = x + 1 - a;
  let c = 1 / TINY;
  let d = 1 / b;
  let h = d;
  for (let n = 1; n < MAX_TERMS; n++) {
    const an = -n * (n - a);
    b += 2;
    d = 1 / notZero(an * d + b);
    c = notZero(b + an / c);
    const step = c * d;
    h *= step;
    if (Math.abs(step - 1) < PRECISION) break;
  }
  const upper = Math.min(1, front * h);
  return { lower: 1 - upper, upper };
}

const notZero = (value: number): number => (Math.abs(value) < TINY ? TINY : value);

/** Regularised incomplete beta function I_x(a, b). */
export function regularisedBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
  return x < (a + 1) / (a + b + 2)
    ? (front * betaFraction(x, a, b)) / a
    : 1 - (front * betaFraction(1 - x, b, a)) / b;
}

/** Continued fraction of the incomplete beta function, by Lentz' method. */
function betaFraction(x: number, a: number, b: number): number {
  let c = 1;
  let d = 1 / notZero(1 - ((a + b) * x) / (a + 1));
  let h = d;
  for (let m = 1; m < MAX_TERMS; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / notZero(1 + even * d);
    c = notZero(1 + even / c);
    h *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / notZero(1 + odd * d);
    c = notZero(1 + odd / c);
    const step = d * c;
    h *= step;
    if (Math.abs(step - 1) < PRECISION) break;
  }
  return h;
}

/** P(Z ≥ z) of the standard normal distribution. */
export function normalUpper(z: number): number {
  const { lower, upper } = gammaTails(0.5, (z * z) / 2);
  return z >= 0 ? upper / 2 : 0.5 + lower / 2;
}

/** P(T ≥ t) of Student's distribution with `freedom` degrees of freedom. */
export function studentUpper(t: number, freedom: number): number {
  const tail = regularisedBeta(freedom / (freedom + t * t), freedom / 2, 0.5) / 2;
  return t >= 0 ? tail : 1 - tail;
}

/** P(X ≥ count) for a Poisson count. */
export function poissonUpper(count: number, mean: number): number {
  return count <= 0 ? 1 : gammaTails(count, mean).lower;
}

/** P(X ≤ count) for a Poisson count. */
export function poissonLower(count: number, mean: number): number {
  return count < 0 ? 0 : gammaTails(count + 1, mean).upper;
}

/** P(X ≥ count) for a negative binomial count with variance mean + mean²/size; Poisson as size grows. */
export function negativeBinomialUpper(count: number, mean: number, size: number): number {
  if (count <= 0) return 1;
  if (mean <= 0) return 0;
  if (size > 1e7) return poissonUpper(count, mean);
  return regularisedBeta(mean / (mean + size), count, size);
}

/** P(X ≤ count) for the same. */
export function negativeBinomialLower(count: number, mean: number, size: number): number {
  if (count < 0) return 0;
  if (mean <= 0) return 1;
  if (size > 1e7) return poissonLower(count, mean);
  return regularisedBeta(size / (mean + size), size, count + 1);
}

/** P(X ≥ hits) of `trials` with probability `p` each. */
export function binomialUpper(hits: number, trials: number, p: number): number {
  if (hits <= 0) return 1;
  if (hits > trials) return 0;
  return regularisedBeta(p, hits, trials - hits + 1);
}

/**
 * P(X ≥ hits) of `trials` where the probability itself is Beta(a, b): the ratio test of what comes next against `a` hits and
 * `b` misses seen before.
 */
export function betaBinomialUpper(hits: number, trials: number, a: number, b: number): number {
  if (hits <= 0) return 1;
  if (hits > trials) return 0;
  let term = Math.exp(
    logGamma(trials + 1) -
      logGamma(hits + 1) -
      logGamma(trials - hits + 1) +
      logGamma(hits + a) +
      logGamma(trials - hits + b) -
      logGamma(trials + a + b) +
      logGamma(a + b) -
      logGamma(a) -
      logGamma(b),
  );
  let sum = term;
  for (let k = hits; k < trials && k < hits + MAX_TERMS && term > sum * PRECISION; k++) {
    term *= (((trials - k) / (k + 1)) * (k + a)) / (trials - k - 1 + b);
    sum += term;
  }
  return Math.min(1, sum);
}

/** One p-value for several of one hypothesis that are independent (Fisher 1925). */
export function combineIndependent(values: readonly number[]): number {
  if (values.length === 0) return 1;
  let sum = 0;
  for (const value of values) sum -= Math.log(Math.max(value, TINY));
  return gammaTails(values.length, sum).upper;
}

/** One p-value for several of one hypothesis, however they depend on each other (harmonic mean, Wilson 2019, with its bound). */
export function combineDependent(values: readonly number[]): number {
  const count = values.length;
  if (count === 0) return 1;
  let sum = 0;
  for (const value of values) sum += 1 / Math.max(value, TINY);
  // Vovk, Wang 2020: e ln n makes the harmonic mean valid under any dependence.
  const factor = count === 1 ? 1 : Math.min(count, Math.E * Math.log(count));
  return Math.min(1, (factor * count) / sum);
}
