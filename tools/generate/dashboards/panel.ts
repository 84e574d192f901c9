// What a panel asks and how it is shown, and the words that queries are made of.

export type Unit =
  | 'reqps'
  | 's'
  | 'percentunit'
  | 'Bps'
  | 'short'
  | 'bytes'
  | 'ops'
  | 'dtdurations'
  | 'bool_on_off';

export interface Query {
  readonly expr: string;
  readonly legend: string;
  /** Asks for the traces behind a histogram. */
  readonly exemplar?: true;
}

export interface Panel {
  readonly title: string;
  /** What it shows and when to worry. */
  readonly text: string;
  readonly kind: 'timeseries' | 'stat' | 'table' | 'heatmap';
  readonly unit: Unit;
  readonly queries: readonly Query[];
  /** Value from which it is red. */
  readonly red?: number;
  /** Values below this one are red. */
  readonly redBelow?: number;
  readonly stacked?: true;
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly text: string;
  readonly rows: readonly { readonly title: string; readonly panels: readonly Panel[] }[];
}

/** What the variables choose. */
export const gate = 'job=~"$job",instance=~"$instance"';
export const api = `${gate},api=~"$api"`;
export const rate = '$__rate_interval';
export const q = (expr: string, legend: string): Query => ({ expr, legend });
export const panel = (
  title: string,
  unit: Unit,
  text: string,
  queries: readonly Query[],
  more: Partial<Panel> = {},
): Panel => ({ title, unit, text, queries, kind: 'timeseries', ...more });

export const quantile = (metric: string, share: number): string =>
  `histogram_quantile(${share}, sum by (le) (rate(${metric}_bucket{${api}}[${rate}])))`;
export const since = (metric: string): string => `sum by (instance) (increase(${metric}{${gate}}[$__range]))`;

export const byCode = (codes: string): string =>
  `sum by (code) (rate(gatewright_refusals_total{${gate},code=~"${codes}"}[${rate}]))`;
