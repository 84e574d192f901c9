// What the configuration says, in short, and loading it again.
import { describeListeners, reviewPosture } from '../config/describe.ts';
import type { Diagnostic } from '../core/index.ts';
import type { AdminHandler, AdminParts, ReloadOutcome } from './contract.ts';
import { mayEdit } from './waf-handlers.ts';

const diagnosticView = ({ severity, id, file, line, column, message, suggestion }: Diagnostic) => ({
  severity,
  id,
  at: `${file}:${line}:${column}`,
  message,
  suggestion,
});

export const reloadView = (parts: AdminParts, { ok, problem, diagnostics }: ReloadOutcome) => ({
  ok,
  generation: parts.facts().generation,
  problem,
  diagnostics: diagnostics.map(diagnosticView),
});

const yesNo = (value: boolean): string => (value ? 'yes' : 'no');
const time = (ms: number): string =>
  ms >= 86_400_000
    ? `${Math.round(ms / 86_400_000)} d`
    : ms >= 3_600_000
      ? `${Math.round(ms / 3_600_000)} h`
      : `${Math.round(ms / 1000)} s`;

export function settingsHandlers(parts: AdminParts) {
  return {
    getSettings: async () => {
      const config = parts.config();
      const { version, workers, generation, warnings } = parts.facts();
      const { to } = config.telemetry.accessLog;
      const log =
        typeof to === 'string'
          ? to
          : 'file' in to
            ? to.file
            : `segments in ${to.segments.folder}${to.segments.seal === null ? '' : ', encrypted'}`;
      const row = (name: string, value: string) => ({ name, value });
      const sections = [
        {
          name: 'Gate',
          rows: [
            row('Version', version),
            row('Threads', String(workers)),
            row('Drain', time(config.drainMs)),
            row('Node', process.version),
          ],
        },
        {
          name: 'Listeners',
          rows: describeListeners(config).map(({ name, address, exposure, serves, clients }) =>
            row(
              name,
              [address, exposure, serves, clients === '' ? '' : `certificates ${clients}`]
                .filter((part) => part !== '')
                .join(' · '),
            ),
          ),
        },
        {
          name: 'Upstreams',
          rows: config.upstreams
            .filter(({ isControl }) => !isControl)
            .map(({ name, targets, balance, health }) =>
              row(
                name,
                `${targets.map(({ url }) => url).join(', ')} · ${balance} · ${health === null ? 'no health check' : `checked at ${health.path} every ${time(health.intervalMs)}`}`,
              ),
            ),
        },
        {
          name: 'Identity',
          rows: [
            ...config.issuers.map(({ name, issuer }) => row(`Issuer ${name}`, issuer)),
            row('Consumers in the file', String(config.consumers.length)),
            row('Roles', config.identity.roles.map(({ name }) => name).join(', ') || 'none'),
          ],
        },
        {
          name: 'What is kept',
          rows: [
            row(
              'State',
              config.state === null
                ? 'none'
                : config.state.kind === 'sqlite'
                  ? config.state.file
                  : 'PostgreSQL',
            ),
            row('Audit trail', config.audit === null ? 'none' : config.audit.folder),
            row('Access log', log),
            row('Query values', config.telemetry.accessLog.queryValues === 'keep' ? 'kept' : 'masked'),
            row('Export', yesNo(config.export !== null)),
          ],
        },
      ];
      const posture = reviewPosture(config).map(({ id, message }) => ({
        severity: 'warning',
        id,
        at: '',
        message,
        suggestion: '',
      }));
      return {
        status: 200,
        body: {
          file: config.file,
          generation,
          mayEdit: await mayEdit(config.file),
          sections,
          diagnostics: [...warnings.map(diagnosticView), ...posture],
        },
      };
    },

    reload: async () => {
      const outcome = await parts.reload();
      return {
        status: 200,
        body: reloadView(parts, outcome),
        audit: { target: null, after: { ok: outcome.ok } },
      };
    },
  } as const satisfies Record<string, AdminHandler>;
}
