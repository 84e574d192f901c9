// The dashboard of traffic.
import { api, type Dashboard, gate, panel, q, quantile, rate } from './panel.ts';

export const traffic: Dashboard = {
  uid: 'gatewright-traffic',
  title: 'Gatewright: traffic',
  text: 'Requests, failures and durations, by API and operation.',
  rows: [
    {
      title: 'Objectives',
      panels: [
        panel(
          'Requests',
          'reqps',
          'Requests a second.',
          [q(`sum(rate(gatewright_requests_total{${api}}[${rate}]))`, 'requests')],
          { kind: 'stat' },
        ),
        panel(
          'Failures',
          'percentunit',
          'Share of requests that failed, or that the service answered with 5xx. Refused callers are no failure.',
          [
            q(
              `sum(rate(gatewright_requests_total{${api},decision="failed"}[${rate}]) or rate(gatewright_requests_total{${api},status_class="5xx"}[${rate}])) / sum(rate(gatewright_requests_total{${api}}[${rate}]))`,
              'failures',
            ),
          ],
          { kind: 'stat', red: 0.001 },
        ),
        panel(
          'Slow',
          'percentunit',
          'Share of requests that took longer than 500 ms.',
          [
            q(
              `1 - sum(rate(gatewright_request_duration_seconds_bucket{${api},le="0.5"}[${rate}])) / sum(rate(gatewright_request_duration_seconds_count{${api}}[${rate}]))`,
              'slow',
            ),
          ],
          { kind: 'stat', red: 0.01 },
        ),
        panel(
          'Refused',
          'percentunit',
          'Share of requests that the gate refused.',
          [
            q(
              `sum(rate(gatewright_requests_total{${gate},decision="refused"}[${rate}])) / sum(rate(gatewright_requests_total{${gate}}[${rate}]))`,
              'refused',
            ),
          ],
          { kind: 'stat' },
        ),
      ],
    },
    {
      title: 'Requests',
      panels: [
        panel(
          'By decision',
          'reqps',
          'Allowed, refused by a guard, failed at the service, answered by the gate itself.',
          [q(`sum by (decision) (rate(gatewright_requests_total{${api}}[${rate}]))`, '{{decision}}')],
          { stacked: true },
        ),
        panel(
          'By status',
          'reqps',
          'Class of the status that clients got.',
          [q(`sum by (status_class) (rate(gatewright_requests_total{${api}}[${rate}]))`, '{{status_class}}')],
          { stacked: true },
        ),
        panel('Busiest operations', 'reqps', 'Ten of them.', [
          q(
            `topk(10, sum by (api, operation) (rate(gatewright_requests_total{${api}}[${rate}])))`,
            '{{api}} {{operation}}',
          ),
        ]),
        panel('Failures by operation', 'reqps', 'Ten with the most failures a second.', [
          q(
            `topk(10, sum by (api, operation) (rate(gatewright_requests_total{${api},decision="failed"}[${rate}])))`,
            '{{api}} {{operation}}',
          ),
        ]),
      ],
    },
    {
      title: 'Durations',
      panels: [
        panel(
          'Duration',
          's',
          'From the first byte of a request to its end. Dots are requests whose trace is kept.',
          [
            { ...q(quantile('gatewright_request_duration_seconds', 0.5), 'median'), exemplar: true },
            { ...q(quantile('gatewright_request_duration_seconds', 0.95), '95 %'), exemplar: true },
            { ...q(quantile('gatewright_request_duration_seconds', 0.99), '99 %'), exemplar: true },
          ],
        ),
        panel('Of the services', 's', 'From sending a request to the first byte of the answer.', [
          { ...q(quantile('gatewright_upstream_duration_seconds', 0.5), 'median'), exemplar: true },
          { ...q(quantile('gatewright_upstream_duration_seconds', 0.95), '95 %'), exemplar: true },
          { ...q(quantile('gatewright_upstream_duration_seconds', 0.99), '99 %'), exemplar: true },
        ]),
        panel(
          'Distribution',
          's',
          'How many requests took how long.',
          [
            q(
              `sum by (le) (increase(gatewright_request_duration_seconds_bucket{${api}}[$__interval]))`,
              '{{le}}',
            ),
          ],
          { kind: 'heatmap' },
        ),
        panel('Bytes', 'Bps', 'Bodies of requests and answers.', [
          q(`sum(rate(gatewright_request_bytes_total{${api}}[${rate}]))`, 'requests'),
          q(`sum(rate(gatewright_response_bytes_total{${api}}[${rate}]))`, 'answers'),
        ]),
      ],
    },
  ],
};
