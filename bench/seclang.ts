// `node bench/seclang.ts [--crs folder]`: CPU microseconds that the SecLang engine takes for one transaction with the Core Rule Set
// at paranoia level 1, blocking: a GET with eight fields and a POST of some 290 bytes of JSON, whose values differ each time. Beside it
// the plain interpreter, which evaluates rule by rule. No sockets. The least of several rounds, since noise only adds.
import { availableParallelism } from 'node:os';
import { compileProfile, type Profile, Transaction } from '../src/seclang/index.ts';
import { compileSources, crsSources, skipCrs } from '../test/support/crs-engine.ts';

if (skipCrs !== false) {
  process.stderr.write(`bench: ${skipCrs}\n`);
  process.exit(1);
}

const ROUNDS = 7;
const fields = [
  ['Host', 'api.example.com'],
  ['User-Agent', 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0'],
  ['Accept', 'application/json, text/plain, */*'],
  ['Accept-Language', 'en-US,en;q=0.5'],
  ['Accept-Encoding', 'gzip, deflate, br'],
  ['Connection', 'keep-alive'],
  ['Authorization', `Bearer eyJhbGciOiJFUzI1NiJ9.${'a1B2'.repeat(20)}.${'c3D4'.repeat(20)}`],
] as const;
const names = ['Maria Schmidt', 'John O. Miller', 'Chen Wei', 'Amina Diallo', 'Lars Nielsen'];

let seed = 1;
function random(below: number): number {
  seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff;
  return seed % below;
}

function begin(profile: Profile, method: string, uri: string): Transaction {
  const transaction = new Transaction(profile);
  transaction.connection('192.0.2.1', 40_000, '192.0.2.2', 443);
  transaction.requestLine(method, uri, 'HTTP/1.1');
  for (const [name, value] of fields) transaction.requestHeader(name, value);
  return transaction;
}

function end(transaction: Transaction): void {
  transaction.runRequestBody();
  transaction.runLogging();
  if (transaction.matches.length > 0) throw new Error(JSON.stringify(transaction.matches));
}

function get(profile: Profile): void {
  const account = 100_000 + random(900_000);
  const query = `limit=${random(100)}&cursor=c${random(1e9).toString(36)}`;
  const transaction = begin(profile, 'GET', `/accounts/acc_${account}/transactions?${query}`);
  transaction.requestHeader('X-Request-Id', random(1e9).toString(16));
  transaction.runRequestHeaders();
  end(transaction);
}

function post(profile: Profile): void {
  const body = JSON.stringify({
    from: `acc_${100_000 + random(900_000)}`,
    to: `DE${10 + random(90)}5001 0517 ${random(10_000)}`,
    amount: (random(100_000) / 100).toFixed(2),
    currency: 'EUR',
    name: names[random(names.length)],
    reference: `Invoice ${random(100_000)} of ${1 + random(28)} March`,
    note: 'Thank you for the quick delivery of the parts',
    express: random(2) === 0,
    tags: ['parts', `order-${random(1000)}`],
    customer: { id: random(100_000), city: 'Hamburg' },
  });
  const transaction = begin(profile, 'POST', '/payments');
  transaction.requestHeader('Content-Type', 'application/json');
  transaction.requestHeader('Content-Length', String(body.length));
  transaction.runRequestHeaders();
  transaction.requestBody(body);
  end(transaction);
}

function microseconds(run: (profile: Profile) => void, profile: Profile, times: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round <= ROUNDS; round++) {
    const before = process.cpuUsage();
    for (let i = 0; i < times; i++) run(profile);
    const { user, system } = process.cpuUsage(before);
    // The first round warms up.
    if (round > 0) least = Math.min(least, (user + system) / times);
  }
  return least;
}

const startedAt = process.cpuUsage();
const { ruleSet } = compileSources(crsSources(), 'On');
const fast = compileProfile(ruleSet);
const load = process.cpuUsage(startedAt);
const plain = { ...compileProfile(ruleSet, { plain: true }), isPlain: false };
console.log(`${availableParallelism()} processors, Node ${process.version}`);
console.log(`loading the rules         ${((load.user + load.system) / 1000).toFixed(0)} ms CPU`);
for (const [what, run] of [
  ['GET', get],
  ['POST', post],
] as const) {
  const fastUs = microseconds(run, fast, 5000);
  const plainUs = microseconds(run, plain, 500);
  const times = (plainUs / fastUs).toFixed(1);
  console.log(`${what.padEnd(5)} fast ${fastUs.toFixed(1)} µs   plain ${plainUs.toFixed(1)} µs   ${times} ×`);
}
