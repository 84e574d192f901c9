// What deploy/ ships fits the gate: dashboards and rules name metrics, labels and values that there are, and promtool agrees.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import { errorCodes } from '../../src/core/index.ts';
import { handshakeOutcomes } from '../../src/net/tls/index.ts';
import { openConfig, startTestGate } from '../support/gate.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { hasCommand, runTool } from '../support/tool.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (name: string): string => readFileSync(join(root, name), 'utf8');

interface RuleFile {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly alert?: string;
      readonly record?: string;
      readonly expr: string;
      readonly annotations?: Readonly<Record<string, string>>;
      readonly labels?: Readonly<Record<string, string>>;
    }[];
  }[];
}
const rules = (parse(read('deploy/prometheus/rules.yaml')) as RuleFile).groups.flatMap(
  (group) => group.rules,
);

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string }[];
}
const dashboards = readdirSync(join(root, 'deploy/grafana')).map(
  (name) =>
    JSON.parse(read(`deploy/grafana/${name}`)) as {
      readonly uid: string;
      readonly panels: readonly Panel[];
      readonly templating: { readonly list: readonly { readonly query: unknown }[] };
    },
);
const expressions = [
  ...rules.map(({ expr }) => expr),
  ...dashboards.flatMap(({ panels }) =>
    panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
  ),
  ...dashboards.flatMap(({ templating }) => templating.list.map(({ query }) => JSON.stringify(query))),
];

test('every metric of dashboards and rules is one that a running gate has', async (t) => {
  const upstream = await startRawUpstream(t);
  const extra = `audit: { folder: ./audit, origin: gate.example/audit, seal: '\${env:SEAL}' }
export: { sinks: { all: { file: { path: ./all.ndjson } } } }
intel: { feeds: { list: { file: ./bad.txt } }, sightings: { file: ./seen.ndjson } }
`;
  const config = openConfig({ upstreamPort: upstream.port, extra }).replace(
    'telemetry: { ',
    "telemetry: { otlp: { endpoint: 'http://127.0.0.1:9' }, ",
  );
  const { gate } = await startTestGate(t, {
    config,
    env: { SEAL: 's'.repeat(40) },
    files: { 'bad.txt': '203.0.113.9\n' },
  });
  const text = await (await fetch(`http://127.0.0.1:${gate.telemetry!.port}/metrics`)).text();
  const types = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name!, type!]));
  const has = (name: string): boolean =>
    types.has(name) || types.get(name.replace(/_(?:bucket|sum|count)$/, '')) === 'histogram';
  const used = new Set(expressions.flatMap((expr) => expr.match(/gatewright_[a-z_]+/g) ?? []));
  assert.ok(used.size >= 40, `only ${used.size} metrics are used`);
  assert.deepEqual(
    [...used].filter((name) => !has(name)),
    [],
  );
  // A rate is asked of counters, a prediction of gauges.
  for (const expr of expressions)
    for (const [, fn, name] of expr.matchAll(/\b(rate|increase|predict_linear)\((gatewright_[a-z_]+)/g)) {
      const type = types.get(name!) ?? 'histogram';
      const fits =
        fn === 'predict_linear' ? type === 'gauge' : type !== 'gauge' || name === 'gatewright_audit_entries';
      assert.ok(fits, `${fn} of the ${type} ${name}`);
    }
});

test('labels are documented ones, and their values can be', () => {
  const documented = new Map<string, Set<string>>();
  for (const [, names, labels] of read('docs/observability.md').matchAll(
    /^\| (`gatewright_[^|]+) \| ([^|]*) \|/gm,
  ))
    for (const [, name] of names!.matchAll(/`(gatewright_[a-z_]+)`/g))
      documented.set(
        name!,
        new Set(
          labels!
            .replaceAll('`', '')
            .split(',')
            .map((label) => label.trim()),
        ),
      );
  const values: Readonly<Record<string, readonly string[]>> = {
    code: errorCodes,
    outcome: handshakeOutcomes,
    decision: ['allowed', 'refused', 'failed', 'answered'],
    status_class: ['1xx', '2xx', '3xx', '4xx', '5xx'],
    result: ['success', 'failure'],
    le: ['0.5'],
  };
  let looked = 0;
  for (const expr of expressions)
    for (const [, name, matchers] of expr.matchAll(/(gatewright_[a-z_]+)\{([^}]*)\}/g)) {
      const labels = documented.get(name!.replace(/_(?:bucket|sum|count)$/, '')) ?? documented.get(name!);
      for (const [, label, sign, value] of matchers!.matchAll(/(\w+)(=~|!~|!=|=)\\?"([^"\\]*)\\?"/g)) {
        if (label === 'job' || label === 'instance' || value!.includes('$')) continue;
        looked++;
        assert.ok(label === 'le' || labels?.has(label!), `${name} has no label ${label}`);
        const known = values[label!];
        if (known === undefined || value === '') continue;
        const parts = sign!.includes('~') ? value!.split('|') : [value!];
        for (const part of parts)
          assert.ok(
            known.some((one) => new RegExp(`^(?:${part})$`).test(one)),
            `${label} is never ${part}`,
          );
      }
    }
  assert.ok(looked >= 20, `only ${looked} matchers`);
});

test('recorded series are recorded, alerts say what to do, panels do not overlap', () => {
  const recorded = new Set(rules.flatMap(({ record }) => (record === undefined ? [] : [record])));
  const used = new Set(expressions.flatMap((expr) => expr.match(/gatewright:[a-z0-9_:]+/g) ?? []));
  assert.deepEqual([...used].sort(), [...recorded].sort());
  for (const { alert, labels, annotations } of rules) {
    if (alert === undefined) continue;
    assert.ok(['page', 'ticket'].includes(labels?.['severity'] ?? ''), alert);
    assert.ok((annotations?.['summary'] ?? '') !== '' && (annotations?.['description'] ?? '') !== '', alert);
  }
  for (const { uid, panels } of dashboards) {
    const cells = new Set<string>();
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length, uid);
    for (const { gridPos } of panels)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          assert.ok(x < 24 && !cells.has(`${x} ${y}`), `${uid}: two panels at ${x} ${y}`);
          cells.add(`${x} ${y}`);
        }
  }
});

const skip = hasCommand('promtool') ? false : 'promtool is not installed (Debian: prometheus)';

test('promtool takes rules, configuration and metrics, and the rules pass its tests', { skip }, async (t) => {
  const file = (name: string): string => join(root, 'deploy/prometheus', name);
  const upstream = await startRawUpstream(t);
  const { gate, folder } = await startTestGate(t, {
    config: openConfig({ upstreamPort: upstream.port }),
  });
  const metrics = await (await fetch(`http://127.0.0.1:${gate.telemetry!.port}/metrics`)).text();
  // What panels ask, with something in place of Grafana's variables, as rules that are never used.
  const asked = dashboards
    .flatMap(({ panels }) => panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)))
    .map((expr) => expr.replace(/\$__\w+/g, '5m').replace(/\$\w+/g, '.*'))
    .map((expr, index) => ({ record: `panel:${index}`, expr }));
  assert.ok(asked.length >= 50);
  const panels = join(folder, 'panels.yaml');
  writeFileSync(panels, stringify({ groups: [{ name: 'panels', rules: asked }] }));
  for (const [args, input] of [
    [['check', 'rules', panels], ''],
    [['check', 'config', file('prometheus.yaml')], ''],
    [['test', 'rules', file('rules.test.yaml')], ''],
    [['check', 'metrics'], metrics],
  ] as const) {
    const { code, all } = await runTool('promtool', args, input);
    assert.equal(code, 0, all);
  }
});
