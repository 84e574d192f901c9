// The dashboard of operations.
import { byCode, type Dashboard, gate, panel, q, rate, since } from './panel.ts';

export const operations: Dashboard = {
  uid: 'gatewright-operations',
  title: 'Gatewright: operations',
  text: 'Threads, configuration, upstreams, exports, telemetry.',
  rows: [
    {
      title: 'Gates',
      panels: [
        panel(
          'Threads',
          'short',
          'Data-plane threads that serve.',
          [q(`gatewright_workers{${gate}}`, '{{instance}}')],
          { kind: 'stat', redBelow: 1 },
        ),
        panel(
          'Configuration',
          'short',
          'Number of the snapshot that is served.',
          [q(`gatewright_config_generation{${gate}}`, '{{instance}}')],
          { kind: 'stat' },
        ),
        panel(
          'Trouble',
          'short',
          'Threads that died, reloads that were refused.',
          [
            q(since('gatewright_worker_deaths_total'), 'deaths {{instance}}'),
            q(
              `sum by (instance) (increase(gatewright_config_reloads_total{${gate},result="failure"}[$__range]))`,
              'reloads {{instance}}',
            ),
          ],
          { kind: 'stat', red: 1 },
        ),
        panel(
          'Versions',
          'short',
          'Gates by version.',
          [q(`count by (version) (gatewright_build_info{${gate}})`, '{{version}}')],
          { kind: 'stat' },
        ),
        panel('Processor', 'short', 'Processors that a gate keeps busy.', [
          q(`rate(gatewright_process_cpu_seconds_total{${gate}}[${rate}])`, '{{instance}}'),
        ]),
        panel('Memory', 'bytes', 'Resident memory.', [
          q(`gatewright_process_resident_memory_bytes{${gate}}`, '{{instance}}'),
        ]),
        panel('Connections', 'short', 'Open connections of clients.', [
          q(`gatewright_connections{${gate}}`, '{{instance}}'),
        ]),
        panel('New connections', 'ops', 'Accepted a second.', [
          q(`rate(gatewright_connections_accepted_total{${gate}}[${rate}])`, '{{instance}}'),
        ]),
      ],
    },
    {
      title: 'What gates stand on',
      panels: [
        panel(
          'Endpoints',
          'bool_on_off',
          'Health of endpoints by active checks.',
          [
            q(
              `min by (upstream, endpoint) (gatewright_upstream_endpoint_healthy{${gate}})`,
              '{{upstream}} {{endpoint}}',
            ),
          ],
          { kind: 'stat', redBelow: 1 },
        ),
        panel(
          'State',
          'bool_on_off',
          'Whether the state answers.',
          [q(`gatewright_state_up{${gate}}`, '{{instance}}')],
          { kind: 'stat', redBelow: 1 },
        ),
        panel('Failures of upstreams', 'reqps', 'By code.', [q(byCode('upstream-.*'), '{{code}}')]),
        panel('Limits evicted', 'ops', 'Live cells that made room for others: the table is too small.', [
          q(`rate(gatewright_limit_evictions_total{${gate}}[${rate}])`, '{{instance}}'),
        ]),
      ],
    },
    {
      title: 'Export',
      panels: [
        panel('Sent', 'ops', 'Records that receivers have acknowledged.', [
          q(`sum by (sink) (rate(gatewright_export_sent_total{${gate}}[${rate}]))`, '{{sink}}'),
        ]),
        panel('Behind', 's', 'Age of the record that is being sent.', [
          q(`max by (sink, instance) (gatewright_export_lag_seconds{${gate}})`, '{{sink}} {{instance}}'),
        ]),
        panel('Spools', 'bytes', 'What waits on disk.', [
          q(`sum by (sink, instance) (gatewright_export_spool_bytes{${gate}})`, '{{sink}} {{instance}}'),
        ]),
        panel(
          'Given up',
          'short',
          'Records that were dropped, or that a receiver will never take.',
          [
            q(
              `sum by (sink) (increase(gatewright_export_dropped_total{${gate}}[$__range]))`,
              '{{sink}} dropped',
            ),
            q(
              `sum by (sink) (increase(gatewright_export_dead_letters_total{${gate}}[$__range]))`,
              '{{sink}} dead letters',
            ),
          ],
          { kind: 'stat', red: 1 },
        ),
      ],
    },
    {
      title: 'Telemetry',
      panels: [
        panel('OTLP sent', 'ops', 'Spans, metrics and log records that the receiver took.', [
          q(`sum by (signal) (rate(gatewright_otlp_sent_total{${gate}}[${rate}]))`, '{{signal}}'),
        ]),
        panel('Traces kept', 'ops', 'By reason, and those there were too many of.', [
          q(`sum by (reason) (rate(gatewright_otlp_traces_kept_total{${gate}}[${rate}]))`, '{{reason}}'),
          q(`sum(rate(gatewright_otlp_traces_limited_total{${gate}}[${rate}]))`, 'too many'),
        ]),
        panel(
          'OTLP lost',
          'short',
          'Dropped, or refused by the receiver.',
          [
            q(
              `sum by (signal) (increase(gatewright_otlp_dropped_total{${gate}}[$__range]))`,
              '{{signal}} dropped',
            ),
            q(
              `sum by (signal) (increase(gatewright_otlp_rejected_total{${gate}}[$__range]))`,
              '{{signal}} refused',
            ),
          ],
          { kind: 'stat', red: 1 },
        ),
        panel(
          'Series beyond the bound',
          'short',
          'Metrics with more series than telemetry.metrics.max-series.',
          [q(`max by (metric) (gatewright_metric_series_beyond_bound{${gate}})`, '{{metric}}')],
          { kind: 'stat', red: 1 },
        ),
      ],
    },
  ],
};
