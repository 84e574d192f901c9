// What a decision of the policies costs on the request path, and what taking over a large set costs a thread:
// `node bench/policy.ts`. CPU time of this process, so that a busy machine changes little; needs nothing else.
import { Diagnostics, systemClock } from '../src/core/index.ts';
import { type Consumer, Exchange } from '../src/exchange/index.ts';
import { NO_BODY, Principals } from '../src/guards/authorize/index.ts';
import { compileApiPolicies, compilePolicies } from '../src/guards/authorize/policies.ts';
import { createLimitTable, LimitTable } from '../src/limits/index.ts';
import { PolicySet, type PolicySyntax, parsePolicies } from '../src/policy/index.ts';

const ROLES = 10_000;
const POLICIES = 1000;
const DECISIONS = 200_000;
const ROUNDS = 7;

/** Microseconds of CPU that `run` takes. */
function cpuUs(run: () => void): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]!;

function parse(text: string): PolicySyntax[] {
  const diagnostics = new Diagnostics();
  const policies = parsePolicies(text, 'bench.cedar', diagnostics);
  if (diagnostics.all.length > 0) throw new Error(diagnostics.all[0]!.message);
  return policies;
}

/** Nine permits to one forbid; policy n is for role 10 n, and `condition` says what it asks. */
const policyText = (condition: (n: number) => string): string =>
  Array.from({ length: POLICIES }, (_, n) => {
    const effect = n % 10 === 0 ? 'forbid' : 'permit';
    return `@id("p${n}") ${effect}(principal in Role::"r${n * 10}", action in [Action::"pay", Action::"reads"], resource) ${condition(n)};`;
  }).join('\n');

const shared = policyText((n) =>
  n % 10 === 0
    ? 'when { context.risk > 90 }'
    : 'when { principal.scopes.contains("pay") && context.risk < 90 && context.parameters.account like "acc_*" }',
);
const distinct = policyText((n) =>
  n % 10 === 0
    ? `when { context.risk > ${100 + n} }`
    : `when { context.risk < 90 && context.parameters.account == "acc_${n}" }`,
);

/** Nothing that an index could use: every policy asks for a pattern of its own, of the same text. */
const patterns = policyText((n) =>
  n % 10 === 0
    ? `when { context.request.path like "*/${n}/*x${n}" }`
    : `when { context.request.path like "*/${n}/*y${n}" || context.risk == 0 }`,
);
/** A thousand forbids of which one might be met. */
const blocked = `permit(principal, action, resource);\n${Array.from({ length: POLICIES - 1 }, (_, n) => `forbid(principal in Role::"r${n * 10}", action in [Action::"pay"], resource) when { context.parameters.account == "blocked_${n}" };`).join('\n')}`;

const roles = Array.from({ length: ROLES }, (_, i) => `r${i}`);
const principals = new Principals({
  roles: roles.map((name) => ({ name, includes: [], groups: [], members: [] })),
  claims: [],
  issuers: [{ issuer: 'corp', rolesClaim: ['roles'], groupsClaim: [] }],
});
const consumer = (names: readonly string[]): Consumer => ({
  id: 'corp|ingrid',
  method: 'jwt',
  scopes: new Set(['pay']),
  claims: { sub: 'ingrid', roles: names },
  credentialId: '',
});

function exchangeOf(who: Consumer): Exchange {
  const exchange = new Exchange();
  exchange.method = 'POST';
  exchange.clientAddress = '10.1.2.3';
  exchange.params = ['acc_1'];
  exchange.receivedMs = Date.now();
  exchange.consumer = who;
  return exchange;
}

function measure(name: string, text: string, who: Consumer): void {
  const set = compileApiPolicies('bank', parse(text), new LimitTable(createLimitTable(64)), systemClock);
  const parameter = { name: 'account', place: 'path', kind: 'string', separator: '' } as const;
  const readers = new Map([['account', { parameter, texts: (exchange: Exchange) => exchange.params }]]);
  const operation = { id: 'pay', method: 'POST', api: 'bank', takesBody: false };
  const rule = compilePolicies(set, operation, () => ({ readers, body: null }), principals);
  const exchange = exchangeOf(who);
  const coldUs = cpuUs(() => rule.judge(exchange, NO_BODY));
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const us = cpuUs(() => {
      for (let i = 0; i < DECISIONS; i++) rule.judge(exchange, NO_BODY);
    });
    rounds.push(us / DECISIONS);
  }
  const verdict = rule.judge(exchange, NO_BODY) === null ? 'allowed' : 'refused';
  process.stdout.write(
    `${name.padEnd(58)} ${median(rounds).toFixed(2).padStart(8)} ${(coldUs / 1000).toFixed(1).padStart(8)}  ${verdict}\n`,
  );
}

process.stdout.write(`${POLICIES} policies, ${ROLES} roles\n${''.padEnd(58)}  µs warm  ms cold\n`);
measure('all 10,000 roles, conditions that policies share', shared, consumer(roles));
measure('three roles, conditions that policies share', shared, consumer(['r0', 'r10', 'r20']));
measure('no role', shared, consumer([]));
measure('all 10,000 roles, 1,000 conditions of their own', distinct, consumer(roles));
measure('three roles, conditions of their own', distinct, consumer(['r0', 'r10', 'r20']));
measure('all 10,000 roles, 999 forbids of an account each', blocked, consumer(roles));
measure('all 10,000 roles, 100 forbids of a pattern each', patterns, consumer(roles));

const parseMs = median(Array.from({ length: ROUNDS }, () => cpuUs(() => parse(shared)) / 1000));
const syntax = parse(shared);
const takeMs = median(
  Array.from({ length: ROUNDS }, () => cpuUs(() => new PolicySet(structuredClone(syntax))) / 1000),
);
process.stdout.write(
  `\nreading ${POLICIES} policies (main thread)  ${parseMs.toFixed(1)} ms\ntaking them over (each thread)        ${takeMs.toFixed(1)} ms\n`,
);
