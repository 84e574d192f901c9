// The dashboard of security.
import { byCode, type Dashboard, gate, panel, q, rate, since } from './panel.ts';

export const security: Dashboard = {
  uid: 'gatewright-security',
  title: 'Gatewright: security',
  text: 'What was refused and why, inspection, credentials, handshakes, and the evidence of it.',
  rows: [
    {
      title: 'Refusals',
      panels: [
        panel(
          'By code',
          'reqps',
          'The codes stand in docs/reference/errors.md.',
          [q(`sum by (code) (rate(gatewright_refusals_total{${gate}}[${rate}]))`, '{{code}}')],
          { stacked: true },
        ),
        panel('Credentials', 'reqps', 'Missing, wrong, ended or ambiguous.', [
          q(byCode('credentials-.*|authentication-insufficient'), '{{code}}'),
        ]),
        panel('Rights', 'reqps', 'Scopes, roles, policies, objects, fields.', [
          q(
            byCode('scope-insufficient|role-insufficient|policy-denied|object-denied|field-denied'),
            '{{code}}',
          ),
        ]),
        panel('Limits', 'reqps', 'Turned away because there was too much of it.', [
          q(
            byCode('rate-limited|quota-exhausted|too-many-at-once|limits-unavailable|upstream-overloaded'),
            '{{code}}',
          ),
        ]),
      ],
    },
    {
      title: 'Inspection and contracts',
      panels: [
        panel('Blocked', 'reqps', 'By inspection, and what detection mode would have blocked.', [
          q(byCode('request-blocked|response-blocked|enumeration-suspected'), '{{code}}'),
          q(`sum(rate(gatewright_inspection_would_refuse_total{${gate}}[${rate}]))`, 'would have been'),
        ]),
        panel('Rules that match most', 'ops', 'Ten of them, by id.', [
          q(`topk(10, sum by (rule) (rate(gatewright_rule_matches_total{${gate}}[${rate}])))`, '{{rule}}'),
        ]),
        panel(
          'Against the contract',
          'reqps',
          'Requests that were no valid ones, and answers that broke it.',
          [
            q(byCode('body-invalid|parameter-invalid|media-type-unsupported'), '{{code}}'),
            q(`sum(rate(gatewright_contract_broken_answers_total{${gate}}[${rate}]))`, 'answers'),
          ],
        ),
        panel('Malformed requests', 'reqps', 'What no client sends by mistake often.', [
          q(byCode('request-malformed|request-path-ambiguous|request-host-invalid'), '{{code}}'),
        ]),
      ],
    },
    {
      title: 'Threat intelligence',
      panels: [
        panel('Matches', 'ops', 'Records that an indicator matches, by feed.', [
          q(`sum by (feed) (rate(gatewright_intel_matches_total{${gate}}[${rate}]))`, '{{feed}}'),
        ]),
        panel(
          'Indicators',
          'short',
          'Of each feed.',
          [q(`max by (feed) (gatewright_intel_indicators{${gate}})`, '{{feed}}')],
          { kind: 'stat' },
        ),
        panel(
          'Read',
          'dtdurations',
          'Age of what each feed said last.',
          [q(`time() - max by (feed) (gatewright_intel_read_timestamp_seconds{${gate}} > 0)`, '{{feed}}')],
          { kind: 'stat', red: 86_400 },
        ),
        panel('Sightings', 'ops', 'Told to feeds, and waiting to be told.', [
          q(`sum(rate(gatewright_intel_sightings_sent_total{${gate}}[${rate}]))`, 'told'),
          q(`sum(gatewright_intel_sightings_waiting{${gate}})`, 'waiting'),
        ]),
      ],
    },
    {
      title: 'Transport and credentials',
      panels: [
        panel('Handshakes that failed', 'ops', 'Why TLS did not come about.', [
          q(
            `sum by (outcome) (rate(gatewright_tls_handshakes_total{${gate},outcome!~"full|resumed"}[${rate}]))`,
            '{{outcome}}',
          ),
        ]),
        panel(
          'Certificates end in',
          'dtdurations',
          'Time until certificates of listeners end.',
          [
            q(
              `min by (listener, certificate) (gatewright_certificate_expiry_timestamp_seconds{${gate}}) - time()`,
              '{{listener}} {{certificate}}',
            ),
          ],
          { kind: 'stat', redBelow: 14 * 86_400 },
        ),
        panel(
          'Shared credentials',
          'short',
          'Credentials of services that several callers used within a day.',
          [q(`sum(gatewright_shared_credentials{${gate}})`, 'shared')],
          { kind: 'stat', red: 1 },
        ),
        panel(
          'Withdrawn',
          'short',
          'Tokens, subjects, issuers, sessions and keys that are no longer good.',
          [q(`max(gatewright_revocations{${gate}})`, 'withdrawals')],
          { kind: 'stat' },
        ),
      ],
    },
    {
      title: 'Evidence',
      panels: [
        panel('Audit trail', 'ops', 'Entries a second.', [
          q(`sum by (instance) (rate(gatewright_audit_entries{${gate}}[${rate}]))`, '{{instance}}'),
        ]),
        panel('Not yet cosigned', 'short', 'Entries of the audit trail that a witness has not seen.', [
          q(
            `max by (instance) (gatewright_audit_entries{${gate}}) - on (instance) group_right () max by (instance, witness) (gatewright_audit_cosigned_entries{${gate}})`,
            '{{instance}} {{witness}}',
          ),
        ]),
        panel(
          'Lost',
          'short',
          'Entries of the audit trail, lines of the access log and records that there was no room for. It should be nothing.',
          [
            q(since('gatewright_audit_lost_total'), 'audit {{instance}}'),
            q(since('gatewright_access_log_dropped_total'), 'access log {{instance}}'),
            q(since('gatewright_records_lost_total'), 'records {{instance}}'),
          ],
          { kind: 'stat', red: 1 },
        ),
        panel(
          'Not written',
          'short',
          'Times that the access log or its segments could not be written.',
          [
            q(since('gatewright_access_log_write_failures_total'), 'log {{instance}}'),
            q(since('gatewright_access_log_segment_failures_total'), 'segments {{instance}}'),
          ],
          { kind: 'stat', red: 1 },
        ),
      ],
    },
  ],
};
