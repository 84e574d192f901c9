// `gatewright waf tune`: the narrowest exclusions for what an access log shows: one rule, one target, one operation. It
// proposes; whether the callers behind it are good ones is for a person to say, so it tells how many and when.
import { exclusionsYaml, isEvaluation, TuningTable } from '../../guards/inspect/tuning.ts';
import { Exit, print, printable, printJson } from '../output.ts';
import { readAccessLog } from './access-log.ts';

/** Clients remembered: names come from clients. */
const MAX_CLIENTS = 10_000;

type Options = Readonly<Record<string, unknown>>;

export async function runWafTune(options: Options, file: string): Promise<number> {
  const minMatches = options['minMatches'] as number;
  const minClients = options['minClients'] as number;
  const found = new TuningTable();
  let refused = 0;
  const counts = await readAccessLog(file, (exchange) => {
    // What would pass anyway needs no exclusion.
    if (exchange.refusal === '') return;
    refused++;
    found.take(exchange);
  });
  const all = found.all();
  const proposals = all.filter((p) => p.matches >= minMatches && p.clients.size >= minClients);
  const rest = all.length - proposals.length;
  if (options['json'] === true) {
    const shown = proposals.map(({ clients, ...other }) => ({ ...other, clients: clients.size }));
    printJson({ ok: true, ...counts, refused, proposals: shown, left: rest });
    return Exit.ok;
  }
  print(`# ${counts.lines} requests, ${refused} of them refused by inspection, or would have been.`);
  if (rest > 0) {
    print(
      `# ${rest} more combinations came too seldom (--min-matches ${minMatches}, --min-clients ${minClients}).`,
    );
  }
  if (proposals.length === 0) {
    print('# Nothing to propose.');
    return Exit.ok;
  }
  print(
    '# Look at each: an attack that many clients tried looks like this, too. Then merge into the configuration:\n',
  );
  print(exclusionsYaml(proposals));
  return Exit.ok;
}

export async function runWafReport(options: Options, file: string): Promise<number> {
  const rules = new Map<number, { message: string; exchanges: number }>();
  const operations = new Map<string, { matched: number; refused: number; wouldRefuse: number }>();
  const totals = { matched: 0, refused: 0, wouldRefuse: 0 };
  const clients = new Map<string, number>();
  const counts = await readAccessLog(file, (exchange) => {
    const key = `${exchange.api} ${exchange.operation}`;
    const row = operations.get(key) ?? { matched: 0, refused: 0, wouldRefuse: 0 };
    operations.set(key, row);
    for (const sum of [row, totals]) {
      sum.matched++;
      if (exchange.refusal !== '') sum[exchange.wasRefused ? 'refused' : 'wouldRefuse']++;
    }
    if (exchange.refusal !== '' && (clients.size < MAX_CLIENTS || clients.has(exchange.client)))
      clients.set(exchange.client, (clients.get(exchange.client) ?? 0) + 1);
    for (const id of new Set(
      exchange.matches.filter((match) => !isEvaluation(match)).map((match) => match.rule),
    )) {
      const rule = rules.get(id) ?? {
        message: exchange.matches.find((match) => match.rule === id)!.message,
        exchanges: 0,
      };
      rule.exchanges++;
      rules.set(id, rule);
    }
  });
  const byRule = [...rules]
    .map(([rule, row]) => ({ rule, ...row }))
    .sort((a, b) => b.exchanges - a.exchanges);
  const byOperation = [...operations].map(([operation, row]) => ({ operation, ...row }));
  const top = [...clients]
    .map(([client, refusals]) => ({ client, refusals }))
    .sort((a, b) => b.refusals - a.refusals);
  if (options['json'] === true) {
    printJson({
      ok: true,
      ...counts,
      ...totals,
      rules: byRule,
      operations: byOperation,
      clients: top.slice(0, 20),
    });
    return Exit.ok;
  }
  print(`${counts.lines} requests`);
  print(`${String(totals.matched).padStart(8)} in which a rule matched`);
  print(`${String(totals.refused).padStart(8)} refused by inspection`);
  print(`${String(totals.wouldRefuse).padStart(8)} that blocking would have refused\n`);
  for (const { operation, matched, refused, wouldRefuse } of byOperation)
    print(`${operation}: matched ${matched}, refused ${refused}, would refuse ${wouldRefuse}`);
  if (byRule.length > 0) print('\nrequests  rule');
  for (const { rule, message, exchanges } of byRule.slice(0, 20))
    print(`${String(exchanges).padStart(8)}  ${rule}  ${printable(message)}`);
  if (top.length > 0) print('\nrefusals  client');
  for (const { client, refusals } of top.slice(0, 10))
    print(`${String(refusals).padStart(8)}  ${printable(client)}`);
  return Exit.ok;
}
