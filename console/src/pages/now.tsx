// Now: how much, how fast, how much of it refused, who and what, and requests as they come.
import { useState } from 'react';
import type { z } from 'zod';
import type { now as nowSchema } from '../../../src/admin-api/schemas.ts';
import {
  Action,
  Bars,
  Empty,
  PageHead,
  Panel,
  Shown,
  Stranger,
  Time,
  Verdict,
} from '../components/basic.tsx';
import { Segments } from '../components/forms.tsx';
import { Icon } from '../components/icons.tsx';
import { TimeChart } from '../components/time-chart.tsx';
import { milliseconds, number, percent, perSecond } from '../format.ts';
import { useLive } from '../live.ts';
import { hrefOf, navigate } from '../router.ts';
import { useResource } from '../use-resource.ts';

type Now = z.output<typeof nowSchema>;
const REFRESH_MS = 2000;

export default function NowPage({ query }: { readonly query: Readonly<Record<string, string>> }) {
  const window = query['window'] ?? '300';
  const now = useResource('getNow', { query: { window } }, REFRESH_MS);
  const [filter, setFilter] = useState('');
  const [isPaused, setPaused] = useState(false);
  const live = useLive({ decision: filter }, isPaused);
  const rate =
    live.tick === undefined
      ? null
      : live.tick.allowed + live.tick.refused + live.tick.failed + live.tick.answered;
  return (
    <>
      <PageHead title="Now">
        <span className="row small soft" role="status">
          <span className={`dot ${live.isOpen ? 'on' : ''}`} />
          {live.isOpen ? `live, ${rate ?? 0} in the last second` : 'connecting…'}
        </span>
        <Segments
          label="Window"
          value={window}
          onChange={(value) => navigate('now', { window: value })}
          options={[
            ['300', '5 min'],
            ['900', '15 min'],
            ['3600', '1 h'],
          ]}
        />
      </PageHead>
      <Shown of={now}>{(data) => <Traffic data={data} />}</Shown>
      <Panel
        title="Requests as they come"
        flush
        action={
          <span className="row">
            <Segments
              label="Which requests"
              value={filter === '' ? 'all' : filter}
              onChange={(value) => setFilter(value === 'all' ? '' : value)}
              options={[
                ['all', 'All'],
                ['refused', 'Refused'],
                ['failed', 'Failed'],
              ]}
            />
            <Action small onPress={() => setPaused(!isPaused)}>
              <Icon name={isPaused ? 'play' : 'pause'} size={14} />
              {isPaused ? 'Go on' : 'Pause'}
            </Action>
          </span>
        }
      >
        {live.requests.length === 0 ? (
          <Empty title="Nothing has come yet" />
        ) : (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with keys
          <div className="tail" tabIndex={0} role="log" aria-label="Requests as they come" aria-live="off">
            {live.requests.map((request) => (
              <a key={request.id} href={hrefOf(`requests/${request.id}`)}>
                <Time ms={Date.parse(request.time)} form="clock" />
                <span className="wide">
                  <Verdict decision={request.decision} />
                </span>
                <span>{request.status}</span>
                <span className="mono">
                  <Stranger text={`${request['method'] ?? ''} ${request['path'] ?? ''}`} />
                </span>
                <span className="wide soft">
                  <Stranger
                    text={String(request['code'] ?? request['consumer'] ?? request['client_address'] ?? '')}
                  />
                </span>
              </a>
            ))}
          </div>
        )}
      </Panel>
    </>
  );
}

const sumOf = ({
  allowed,
  refused,
  failed,
  answered,
}: Pick<Now['totals'], 'allowed' | 'refused' | 'failed' | 'answered'>): number =>
  allowed + refused + failed + answered;

function change(nowValue: number, before: number): string {
  if (before === 0) return nowValue === 0 ? 'as before' : 'nothing before';
  const share = (100 * (nowValue - before)) / before;
  return Math.abs(share) < 1
    ? 'as before'
    : `${share > 0 ? '+' : '−'}${Math.abs(share).toFixed(0)} % on before`;
}

function Traffic({ data }: { readonly data: Now }) {
  const { totals, before, windowS, series, sinceMs, atMs } = data;
  const countedS = Math.max(1, Math.min(windowS, (atMs - sinceMs) / 1000));
  const all = sumOf(totals);
  const times = series.map(({ atMs }) => atMs);
  return (
    <div className="grid">
      <Tile
        label="Requests"
        value={perSecond(all / countedS)}
        unit="per s"
        note={`${number(all)} in all, ${change(all, sumOf(before))}`}
      />
      <Tile
        label="Refused"
        value={percent(totals.refused, all)}
        note={`${number(totals.refused)} requests, ${change(totals.refused, before.refused)}`}
      />
      <Tile
        label="Latency, 95th percentile"
        value={milliseconds(totals.p95)}
        note={`median ${milliseconds(totals.p50)}, 99th ${milliseconds(totals.p99)}`}
      />
      <Tile
        label="Failed upstream"
        value={percent(totals.failed, all)}
        note={`${number(totals.failed)} requests, ${change(totals.failed, before.failed)}`}
      />
      <Panel title="Verdicts" span={7}>
        <TimeChart
          label={`Requests by verdict over ${windowS / 60} minutes: ${totals.allowed} allowed, ${totals.refused} refused, ${totals.failed} failed`}
          times={times}
          stacked
          sync="now"
          format={(value) => (value === null ? '–' : number(value))}
          series={[
            { label: 'allowed', color: '--chart-1', values: series.map(({ allowed }) => allowed) },
            { label: 'answered', color: '--chart-4', values: series.map(({ answered }) => answered) },
            { label: 'refused', color: '--chart-2', values: series.map(({ refused }) => refused) },
            { label: 'failed', color: '--chart-3', values: series.map(({ failed }) => failed) },
          ]}
        />
      </Panel>
      <Panel title="Latency" span={5}>
        <TimeChart
          label={`Latency over ${windowS / 60} minutes: median ${milliseconds(totals.p50)}, 95th percentile ${milliseconds(totals.p95)}`}
          times={times}
          sync="now"
          format={milliseconds}
          series={[
            { label: 'p50', color: '--chart-1', values: series.map(({ p50 }) => p50) },
            { label: 'p95', color: '--chart-4', values: series.map(({ p95 }) => p95) },
            { label: 'p99', color: '--chart-3', values: series.map(({ p99 }) => p99) },
          ]}
        />
      </Panel>
      <Panel title="Why requests were refused" span={4} flush>
        <Bars
          empty="Nothing was refused"
          items={data.codes.map((one) => ({ ...one, href: hrefOf('requests', { code: one.name }) }))}
        />
      </Panel>
      <Panel title="Operations" span={4} flush>
        <Bars
          empty="No requests"
          items={data.operations.map((one) => {
            const [api, operation] = one.name.split('/', 2);
            return {
              ...one,
              href:
                operation === undefined
                  ? hrefOf('requests', { code: 'operation-unknown' })
                  : hrefOf('requests', { api, operation }),
            };
          })}
        />
      </Panel>
      <Panel title="Callers" span={4} flush>
        <Bars
          empty="No requests"
          items={[
            ...data.consumers.map((one) => ({ ...one, href: hrefOf('requests', { consumer: one.name }) })),
            ...data.addresses.map((one) => ({ ...one, href: hrefOf('requests', { address: one.name }) })),
          ]
            .sort((a, b) => b.requests - a.requests)
            .slice(0, 10)}
        />
      </Panel>
    </div>
  );
}

function Tile({
  label,
  value,
  unit,
  note,
}: {
  readonly label: string;
  readonly value: string;
  readonly unit?: string;
  readonly note: string;
}) {
  return (
    <section className="panel tile span-3" aria-label={label}>
      <div className="label">{label}</div>
      <div className="value">
        {value} {unit !== undefined && <small>{unit}</small>}
      </div>
      <div className="note">{note}</div>
    </section>
  );
}
