// The dashboards in deploy/grafana/, from rows of panels: what a panel asks and how it is shown, once, without Grafana's boilerplate.
import { operations } from './dashboards/operations.ts';
import { render } from './dashboards/render.ts';
import { security } from './dashboards/security.ts';
import { traffic } from './dashboards/traffic.ts';

/** Files by path. */
export const dashboards: Readonly<Record<string, () => string>> = {
  'deploy/grafana/gatewright-traffic.json': () => render(traffic),
  'deploy/grafana/gatewright-security.json': () => render(security),
  'deploy/grafana/gatewright-operations.json': () => render(operations),
};
