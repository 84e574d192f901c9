// Series over time by uPlot: stacked columns or lines, in the colours of the theme, with a legend that reads values at the cursor.
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { timeOfDay } from '../format.ts';
import { useTheme } from '../theme.ts';

export interface Series {
  readonly label: string;
  /** Custom property with its colour. */
  readonly color: string;
  readonly values: readonly (number | null)[];
}

export interface TimeChartProps {
  /** Milliseconds. */
  readonly times: readonly number[];
  readonly series: readonly Series[];
  readonly stacked?: boolean;
  readonly height?: number;
  readonly format: (value: number | null) => string;
  /** What it shows, for who does not see it. */
  readonly label: string;
  /** Group that moves its cursor together. */
  readonly sync?: string;
}

const css = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Sums from the bottom; the highest is drawn first, so that the others stand before it. */
function dataOf({ times, series, stacked }: TimeChartProps): uPlot.AlignedData {
  const seconds = times.map((ms) => ms / 1000);
  if (stacked !== true) return [seconds, ...series.map(({ values }) => [...values])];
  const sums: number[][] = [];
  let below: number[] = times.map(() => 0);
  for (const { values } of series) {
    below = below.map((sum, at) => sum + (values[at] ?? 0));
    sums.push(below);
  }
  return [seconds, ...sums.reverse()];
}

export function TimeChart(props: TimeChartProps) {
  const { label, height = 200, stacked = false, sync } = props;
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const { theme } = useTheme();
  const names = props.series.map((one) => `${one.label} ${one.color}`).join('|');

  // biome-ignore lint/correctness/useExhaustiveDependencies: the theme changes what the custom properties say, the names the series
  useEffect(() => {
    const node = place.current;
    if (node === null) return;
    const { series, format } = latest.current;
    const order = stacked ? [...series].reverse() : series;
    const axis = {
      stroke: css('--text-soft'),
      grid: { stroke: css('--chart-grid'), width: 1 },
      ticks: { show: false },
      font: `11px ${css('--font')}`,
    };
    const made = new uPlot(
      {
        width: node.clientWidth,
        height,
        padding: [10, 8, 0, 0],
        cursor: { y: false, points: { size: 6 }, ...(sync === undefined ? {} : { sync: { key: sync } }) },
        legend: {
          live: true,
          markers: {
            fill: (_u, index) => css(order[index - 1]?.color ?? '--text-soft'),
            stroke: () => 'transparent',
            width: 0,
          },
        },
        scales: { x: { time: true }, y: { range: (_u, _min, max) => [0, Math.max(max * 1.08, 1)] } },
        axes: [
          {
            ...axis,
            size: 26,
            space: 80,
            values: (_u, ticks, _axis, _space, step) =>
              ticks.map((tick) => (step < 60 ? timeOfDay(tick * 1000) : timeOfDay(tick * 1000).slice(0, 5))),
          },
          { ...axis, size: 58, values: (_u, ticks) => ticks.map((tick) => format(tick)) },
        ],
        series: [
          {
            label: 'Time',
            value: (_u, value) => (value === null ? '–' : timeOfDay(value * 1000)),
          },
          ...order.map((one, at): uPlot.Series => {
            const color = css(one.color);
            const source = stacked ? series.length - 1 - at : at;
            return {
              label: one.label,
              stroke: color,
              width: stacked ? 0 : 1.75,
              points: { show: false },
              ...(stacked ? { fill: color, paths: uPlot.paths.bars!({ size: [0.92, 24], gap: 1 }) } : {}),
              value: (_u, _value, _series, index) =>
                format(index === null ? null : (latest.current.series[source]?.values[index] ?? null)),
            };
          }),
        ],
      },
      dataOf(latest.current),
      node,
    );
    chart.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: node.clientWidth, height }));
    observer.observe(node);
    return () => {
      observer.disconnect();
      made.destroy();
      chart.current = null;
    };
  }, [theme, height, stacked, sync, names]);

  useEffect(() => {
    chart.current?.setData(dataOf(props));
  });

  return (
    <figure className="chart" ref={place} aria-label={label} style={{ margin: 0 }}>
      <figcaption className="visually-hidden">{label}</figcaption>
    </figure>
  );
}
