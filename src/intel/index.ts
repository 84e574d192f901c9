export {
  type FeedConfig,
  type FeedProof,
  type FeedSource,
  type Indicator,
  type IndicatorKind,
  type IndicatorValue,
  type IntelConfig,
  IntelError,
  type SightingsConfig,
  type TaxiiServerConfig,
  type ThreatMatch,
} from './contract.ts';
export { Feed, type FeedCounts } from './feed.ts';
export { IndicatorTable, type Observed } from './indicator-table.ts';
export { Intel, type IntelParts } from './intel.ts';
export { checkProof, parseEd25519, plainValue, readPlainFeed, splitCsv } from './plain-feed.ts';
export { patternOf, readStixObject, sightingObjects } from './stix.ts';
export { readPattern } from './stix-pattern.ts';
export { addObjects, pollObjects } from './taxii.ts';
