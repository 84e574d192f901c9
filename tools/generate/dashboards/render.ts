// A dashboard as Grafana reads it.
import type { Dashboard, Panel } from './panel.ts';

const datasource = { type: 'prometheus', uid: '${datasource}' };

function thresholds({ red, redBelow }: Panel): object {
  const step = (color: string, value: number | null) => ({ color, value });
  if (redBelow !== undefined)
    return { mode: 'absolute', steps: [step('red', null), step('green', redBelow)] };
  return { mode: 'absolute', steps: [step('green', null), ...(red === undefined ? [] : [step('red', red)])] };
}

function optionsOf({ kind }: Panel): object {
  switch (kind) {
    case 'stat':
      return {
        reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
        colorMode: 'value',
        graphMode: 'area',
        textMode: 'auto',
      };
    case 'heatmap':
      return {
        calculate: false,
        yAxis: { unit: 's' },
        cellGap: 1,
        color: { mode: 'scheme', scheme: 'Oranges' },
      };
    default:
      return {
        legend: { displayMode: 'table', placement: 'bottom', calcs: ['mean', 'max'] },
        tooltip: { mode: 'multi', sort: 'desc' },
      };
  }
}

function panelOf(panel_: Panel, id: number, x: number, y: number): object {
  const { title, text, kind, unit, queries, stacked } = panel_;
  const custom =
    kind === 'timeseries'
      ? { fillOpacity: stacked ? 40 : 10, stacking: { mode: stacked ? 'normal' : 'none' } }
      : {};
  return {
    id,
    type: kind,
    title,
    description: text,
    datasource,
    gridPos: { h: 8, w: 6, x, y },
    fieldConfig: { defaults: { unit, min: 0, thresholds: thresholds(panel_), custom }, overrides: [] },
    options: optionsOf(panel_),
    targets: queries.map(({ expr, legend, exemplar }, index) => ({
      refId: String.fromCharCode(65 + index),
      datasource,
      expr,
      legendFormat: legend,
      ...(kind === 'heatmap' ? { format: 'heatmap' } : {}),
      ...(exemplar === undefined ? {} : { exemplar }),
    })),
  };
}

function variable(name: string, query: string): object {
  return {
    name,
    type: 'query',
    datasource,
    query: { query, refId: name },
    refresh: 2,
    includeAll: true,
    multi: true,
    allValue: '.*',
    current: { text: ['All'], value: ['$__all'] },
  };
}

export function render({ uid, title, text, rows }: Dashboard): string {
  const panels: object[] = [];
  let y = 0;
  for (const row of rows) {
    panels.push({
      id: panels.length + 1,
      type: 'row',
      title: row.title,
      collapsed: false,
      gridPos: { h: 1, w: 24, x: 0, y: y++ },
      panels: [],
    });
    row.panels.forEach((one, index) => {
      const at = y + Math.floor(index / 4) * 8;
      panels.push(panelOf(one, panels.length + 1, (index % 4) * 6, at));
    });
    y += Math.ceil(row.panels.length / 4) * 8;
  }
  const dashboard = {
    uid,
    title,
    description: text,
    tags: ['gatewright'],
    schemaVersion: 39,
    editable: true,
    timezone: 'browser',
    refresh: '30s',
    time: { from: 'now-6h', to: 'now' },
    templating: {
      list: [
        { name: 'datasource', type: 'datasource', query: 'prometheus', current: {} },
        variable('job', 'label_values(gatewright_build_info, job)'),
        variable('instance', 'label_values(gatewright_build_info{job=~"$job"}, instance)'),
        ...(uid === 'gatewright-traffic'
          ? [variable('api', 'label_values(gatewright_requests_total{job=~"$job"}, api)')]
          : []),
      ],
    },
    panels,
  };
  return `${JSON.stringify(dashboard, null, 2)}\n`;
}
