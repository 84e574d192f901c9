// Metrics as text: Prometheus' format 0.0.4, and OpenMetrics 1.0 for those who ask for it, which carries exemplars.
import type { ExemplarSample, HistogramSample, Labels, MetricFamily } from './families.ts';

export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
export const OPENMETRICS_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

/** Whether `accept` asks for OpenMetrics 1.0 (RFC 9110 section 12.5.1; its weight is not compared with that of others). */
export const wantsOpenMetrics = (accept: string): boolean =>
  accept
    .split(',')
    .some(
      (part) =>
        /^\s*application\/openmetrics-text\s*(?:;|$)/i.test(part) &&
        !/;\s*q=0(?:\.0*)?\s*(?:;|$)/i.test(part),
    );

export function expose(families: readonly MetricFamily[], openMetrics: boolean): string {
  const out: string[] = [];
  for (const family of families) {
    const name = openMetrics && family.type === 'counter' ? family.name.replace(/_total$/, '') : family.name;
    out.push(`# HELP ${name} ${escapeHelp(family.help, openMetrics)}`, `# TYPE ${name} ${family.type}`);
    if (family.type === 'histogram')
      for (const sample of family.samples)
        writeHistogram(out, family.name, family.bounds, sample, openMetrics);
    else
      for (const { labels, value } of family.samples)
        out.push(`${family.name}${labelText(labels)} ${numberText(value)}`);
  }
  if (openMetrics) out.push('# EOF');
  return `${out.join('\n')}\n`;
}

function writeHistogram(
  out: string[],
  name: string,
  bounds: readonly number[],
  { labels, counts, sum, exemplars }: HistogramSample,
  openMetrics: boolean,
): void {
  let count = 0;
  const text = pairsOf(labels);
  const before = text === '' ? '' : `${text},`;
  for (let bucket = 0; bucket <= bounds.length; bucket++) {
    count += counts[bucket]!;
    const bound = bounds[bucket];
    const le = bound === undefined ? '+Inf' : openMetrics ? floatText(bound) : String(bound);
    const exemplar = openMetrics ? (exemplars?.[bucket] ?? null) : null;
    out.push(
      `${name}_bucket{${before}le="${le}"} ${count}${exemplar === null ? '' : exemplarText(exemplar)}`,
    );
  }
  out.push(`${name}_sum${labelText(labels)} ${sum}`, `${name}_count${labelText(labels)} ${count}`);
}

/** Bounds of OpenMetrics are floats as Go writes them: `1.0`, `0.5`. */
const floatText = (value: number): string => (Number.isInteger(value) ? `${value}.0` : String(value));

const exemplarText = ({ traceId, spanId, value, timeMs }: ExemplarSample): string =>
  ` # {trace_id="${traceId}",span_id="${spanId}"} ${value} ${(timeMs / 1000).toFixed(3)}`;

const numberText = (value: number): string =>
  value === Number.POSITIVE_INFINITY ? '+Inf' : value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);

const pairsOf = (labels: Labels): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}="${escapeLabel(value)}"`)
    .join(',');

function labelText(labels: Labels): string {
  const pairs = pairsOf(labels);
  return pairs === '' ? '' : `{${pairs}}`;
}

const escapeLabel = (value: string): string =>
  value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');

/** OpenMetrics escapes quotes here too. */
const escapeHelp = (text: string, openMetrics: boolean): string =>
  openMetrics ? escapeLabel(text) : text.replace(/\\/g, '\\\\').replace(/\n/g, '\\n');
