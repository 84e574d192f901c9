// Rules that matched, and exclusions that would quiet false alarms. An exclusion goes into the configuration file, which stays
// the source of truth: its text is changed in that one place, and taken back when the gate does not take it.
import { stat } from 'node:fs/promises';
import { describeOperations } from '../config/describe.ts';
import { exclusionsYaml, type LoggedExchange, TuningTable } from '../guards/inspect/tuning.ts';
import type { ExchangeRecord } from '../telemetry/index.ts';
import { changeFile } from './change-file.ts';
import { type AdminHandler, type AdminParts, AdminProblem } from './contract.ts';
import { reloadView } from './settings-handlers.ts';
import type { Traffic } from './traffic.ts';

const MAX_RULES = 200;
const MAX_PROPOSALS = 100;

const exchangeOf = (record: ExchangeRecord): LoggedExchange => ({
  time: record.time,
  api: record.api ?? '',
  operation: record.operation ?? '',
  client: record.consumer ?? record.client_address,
  refusal:
    record.guard === 'inspect' && record.decision === 'refused'
      ? (record.code ?? '')
      : (record.would_refuse ?? ''),
  matches: (record.matches ?? []).map(({ rule, message, variables }) => ({
    rule,
    message: message ?? '',
    variables: variables.map(({ name, value }) => ({ name, value: value ?? '' })),
  })),
});

/** Whether the configuration is one file that this process may write. */
export async function mayEdit(file: string): Promise<boolean> {
  const found = await stat(file).catch(() => null);
  return found?.isFile() === true && (found.mode & 0o200) !== 0;
}

export function wafHandlers(parts: AdminParts, traffic: Traffic) {
  return {
    getWaf: async (request) => {
      const { minMatches, minClients } = request.query as { minMatches: number; minClients: number };
      const config = parts.config();
      const table = new TuningTable();
      for (const { record } of traffic.recent())
        if (record.matches !== undefined) table.take(exchangeOf(record));
      const rules = [...traffic.uses.rules.values()]
        .sort((a, b) => b.matches - a.matches)
        .slice(0, MAX_RULES)
        .map(({ clients, operations, ...rest }) => ({
          ...rest,
          clients: clients.size,
          operations: [...operations].slice(0, 20),
        }));
      const proposals = table
        .all()
        .filter((one) => one.matches >= minMatches && one.clients.size >= minClients)
        .slice(0, MAX_PROPOSALS)
        .map((one) => {
          const { api, operation, rule, target, message, matches, clients, first, last } = one;
          const id = [api, operation, rule, target].join('|');
          return {
            id,
            api,
            operation,
            rule,
            target,
            message,
            matches,
            clients: clients.size,
            first,
            last,
            yaml: exclusionsYaml([one]),
          };
        });
      const inspected = describeOperations(config)
        .filter((view) => view.inspected !== '')
        .map(({ api, operation, inspected: how }) => ({ api, operation, how }));
      return {
        status: 200,
        body: { sinceMs: traffic.sinceMs, inspected, rules, proposals, mayApply: await mayEdit(config.file) },
      };
    },

    addExclusion: async (request) => {
      const { api, operation, rule, target, reason } = request.body as {
        api: string;
        operation: string;
        rule: number;
        target: string;
        reason: string;
      };
      const config = parts.config();
      const known = config.apis
        .find(({ name }) => name === api)
        ?.operations.find(({ id }) => id === operation);
      if (known?.inspect == null)
        throw new AdminProblem('resource-unknown', 'There is no such operation, or no rules inspect it.');
      if (!config.ruleSets[known.inspect.ruleSet]!.ruleIds.includes(rule))
        throw new AdminProblem('resource-unknown', `No rule ${rule} looks at this operation.`);
      if (known.inspect.exclusions.some((one) => one.rule === rule && one.target === target))
        throw new AdminProblem('resource-conflict', 'This exclusion is there already.');
      if (!(await mayEdit(config.file)))
        throw new AdminProblem(
          'resource-conflict',
          'The configuration is no single file that the gate may write: merge the YAML by hand.',
        );
      const exclusion = { rule, target, reason };
      const outcome = await changeFile(config.file, parts, (document) => {
        const path = ['apis', api, 'operations', operation, 'inspect', 'exclude'];
        if (document.hasIn(path)) document.addIn(path, document.createNode(exclusion, { flow: true }));
        else document.setIn(path, document.createNode([exclusion]));
      });
      return {
        status: 200,
        body: reloadView(parts, outcome),
        audit: {
          target: { kind: 'operation', id: `${api}/${operation}` },
          reason,
          after: { ...exclusion, applied: outcome.ok },
        },
      };
    },
  } as const satisfies Record<string, AdminHandler>;
}
