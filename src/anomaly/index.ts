export { AlarmBudget } from './budget.ts';
export { type CalibrationState, ScoreCalibration } from './calibration.ts';
export { RateChange, RatioChange } from './change-point.ts';
export { DistinctCounter, DistinctHash } from './distinct.ts';
export { type HeavyHitter, HeavyHitters } from './heavy-hitters.ts';
export { MarkovChain } from './markov.ts';
export { QuantileSketch } from './quantiles.ts';
export { Random } from './random.ts';
export { type ForestOptions, RandomCutForest } from './random-cut-forest.ts';
export { type Expectation, SeasonalBaseline, type SeasonalState, slotsOf } from './seasonal.ts';
export { SeriesModel, type SeriesState, type SeriesVerdict } from './series.ts';
export {
  betaBinomialUpper,
  binomialUpper,
  combineDependent,
  combineIndependent,
  logGamma,
  negativeBinomialLower,
  negativeBinomialUpper,
  normalUpper,
  poissonLower,
  poissonUpper,
  regularisedBeta,
  studentUpper,
} from './tails.ts';
