// Detection from end to end on the demo: credentials are stuffed from many addresses while an honest client works on.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { startGate } from '../../src/app/index.ts';
import { createApiKey } from '../../src/credentials/index.ts';
import { runDemo } from '../../src/demo/index.ts';
import type { Incident } from '../../src/detect/index.ts';
import { openState } from '../../src/stores/index.ts';
import { run } from '../support/command.ts';
import { openConfig, startTestGate } from '../support/gate.ts';
import { simpleParser, startMailbox } from '../support/mail.ts';

interface Call {
  readonly port: number;
  readonly key: string;
  readonly from: string;
}

/** One request on a connection of its own, from an address of this machine; the status and the problem's type. */
function call({ port, key, from }: Call): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port,
        localAddress: from,
        path: '/orders?status=open',
        headers: { 'x-api-key': key, connection: 'close' },
        agent: false,
      },
      (response) => {
        text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
      },
    );
    sent.once('error', reject);
    sent.end();
  });
}

async function until<T>(look: () => Promise<T | null> | T | null, what: string): Promise<T> {
  const deadlineMs = performance.now() + 20_000;
  for (;;) {
    const found = await look();
    if (found !== null) return found;
    if (performance.now() > deadlineMs) throw new Error(`${what} did not come`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const attackers = Array.from({ length: 30 }, (_, index) => `127.0.1.${index + 1}`);

test('stuffing: an incident, bans on all threads, mail, undo; the honest client is never refused', {
  skip: process.platform === 'linux' ? false : 'needs the whole of 127/8 as addresses of its own',
}, async (t) => {
  const mailbox = await startMailbox();
  t.after(() => mailbox.close());
  const demo = await runDemo({ port: 0, traffic: false, json: true, print: () => {} });
  t.after(() => demo.close());
  const file = `${demo.folder}/gatewright.yaml`;
  const command = async (...args: string[]): Promise<string> => {
    const { code, out, err } = await run(['incidents', ...args, '-c', file, '--json']);
    assert.equal(code, 0, err);
    return out;
  };
  const incidents = async (): Promise<Incident[]> => JSON.parse(await command('list')) as Incident[];
  // A channel that is added while the gate runs.
  const before = await readFile(file, 'utf8');
  await writeFile(
    file,
    before.replace(
      '  runbooks:',
      `  notify:\n    soc:\n      min-priority: low\n      smtp: { host: 127.0.0.1, port: ${mailbox.port}, tls: none, from: gate@example.com, to: [ soc@example.com ] }\n  runbooks:`,
    ),
  );
  const { partnerKey } = demo.credentials;
  const honest = { port: demo.port, key: partnerKey, from: '127.0.0.1' };
  const statuses = new Map<number, number>();
  let isOver = false;
  const work = (async () => {
    while (!isOver) {
      const { status } = await call(honest);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
  })();
  await until(async () => ((await call(honest)).status === 200 ? true : null), 'the honest answer');
  for (let round = 0; round < 3; round++)
    await Promise.all(
      attackers.map((from, index) =>
        call({ port: demo.port, key: `gwk_partner-1_guess${round}x${index}`, from }),
      ),
    );

  const incident = await until(async () => {
    const [first] = await incidents();
    return first?.actions.some(({ state }) => state === 'done') ? first : null;
  }, 'an incident with an action');
  assert.equal(incident.alerts[0]!.detector, 'credential-stuffing');
  assert.match(incident.alerts[0]!.reason, /logins failed from \d+ addresses/);
  assert.ok(incident.attack.includes('T1110.004'));
  assert.ok(!incident.addresses.includes('127.0.0.1'));
  const [action] = incident.actions;
  const banned = action!.target;

  // Each request is a connection of its own, which threads take in turn: what is banned is closed before it speaks.
  const isKeptOut = (): Promise<boolean> =>
    call({ port: demo.port, key: 'x', from: banned }).then(
      ({ body }) => body.includes('address-denied'),
      (error: NodeJS.ErrnoException) => error.code === 'ECONNRESET',
    );
  await until(async () => ((await isKeptOut()) ? true : null), 'the ban');
  for (let i = 0; i < 12; i++) assert.ok(await isKeptOut());

  const mail = simpleParser(await until(() => mailbox.messages[0] ?? null, 'a mail'));
  assert.match(mail.subject, /Credential stuffing/);
  assert.match(mail.text, new RegExp(incident.id));

  await command('ack', incident.id, '--note', 'looking');
  await command('undo', incident.id, action!.id);
  await until(async () => ((await isKeptOut()) ? null : true), 'the undo');
  assert.equal((await call({ port: demo.port, key: 'x', from: banned })).status, 401);
  const shown = JSON.parse(await command('show', incident.id)) as Incident;
  assert.equal(shown.status, 'acknowledged');
  assert.equal(shown.actions.find(({ id }) => id === action!.id)?.state, 'undone');
  await command('close', incident.id, '--as', 'true-positive');
  isOver = true;
  await work;
  assert.deepEqual([...statuses.keys()], [200], JSON.stringify([...statuses]));
});

test('a restart keeps what was learned and what is open; Sigma rules run; a bad rule is an error of the configuration', async (t) => {
  const rule = `title: Someone asks for the keys
id: asks-for-keys
level: high
logsource: { category: webserver }
detection:
  s: { cs-uri-stem|endswith: '/id_rsa' }
  condition: s
`;
  const config = openConfig({
    upstreamPort: 9,
    extra: 'state: { sqlite: ./state.db }\ndetect: { sigma: [ ./keys.yml ], off: [ scanner ] }',
  });
  const first = await startTestGate(t, { config, files: { 'keys.yml': rule } });
  await fetch(`http://127.0.0.1:${first.port}/home/id_rsa`);
  const opened = await until(
    () => first.log.find(({ event }) => event === 'incident-opened') ?? null,
    'an incident',
  );
  assert.match(String(opened.details['title']), /asks-for-keys: 127\.0\.0\.1/);
  await first.gate.close();

  const file = join(first.folder, 'gatewright.yaml');
  const state = await openState({ kind: 'sqlite', file: join(first.folder, 'state.db'), sealKey: null });
  const models = await state.incidents.models('');
  await state.close();
  assert.ok(models !== null && models.length > 50);

  const entries: string[] = [];
  const again = await startGate({
    file,
    workers: 1,
    env: {},
    log: { write: (_level, event) => void entries.push(event) },
  });
  t.after(() => again.close());
  const { port } = again.listeners[0]!;
  const metrics = async (): Promise<string> =>
    (await fetch(`http://127.0.0.1:${again.telemetry!.port}/metrics`)).text();
  assert.match(await metrics(), /gatewright_incidents_open 1/);
  assert.ok(!entries.includes('models-not-restored'), entries.join(' '));
  // The same story goes on: no second incident.
  await fetch(`http://127.0.0.1:${port}/home/id_rsa`);
  await until(
    async () =>
      (await metrics()).includes('gatewright_alerts_total{detector="sigma:asks-for-keys"} 1') ? true : null,
    'the alert',
  );
  assert.match(await metrics(), /gatewright_incidents_open 1/);
  await writeFile(join(first.folder, 'keys.yml'), rule.replace('cs-uri-stem', 'no-such-field'));
  const { ok, diagnostics } = await again.reload();
  assert.ok(!ok);
  assert.match(diagnostics[0]!.message, /keys\.yml can not be run: there is no field "no-such-field"/);
});

test('quarantine: a caller is refused whatever it presents, until it is undone', async (t) => {
  const { key, sha256 } = createApiKey('acme-1');
  const config = `listeners:
  public: { port: 0, host: 127.0.0.1 }
upstreams: { things: { targets: [ http://127.0.0.1:9 ] } }
identity: { consumers: { acme: { keys: [ { id: acme-1, sha256: ${sha256} } ] } } }
state: { sqlite: ./state.db }
detect:
  sigma: [ ./secrets.yml ]
  runbooks:
    thieves:
      when: { detectors: [ "sigma:grabs-secrets" ], min-priority: low }
      do: [ { quarantine: { for: 10m } } ]
apis:
  things: { contract: ./openapi.yaml, upstream: things, limits: [], authenticate: [ { api-key: {} } ] }
telemetry: { listen: false, access-log: { to: none } }
`;
  const rule = `title: Someone grabs secrets
id: grabs-secrets
level: critical
logsource: { category: application }
detection: { s: { consumer: acme, path: /things/secret }, condition: s }
`;
  const { port, folder } = await startTestGate(t, { config, files: { 'secrets.yml': rule }, workers: 2 });
  const ask = async (path: string): Promise<number> =>
    (await fetch(`http://127.0.0.1:${port}${path}`, { headers: { 'x-api-key': key, connection: 'close' } }))
      .status;
  // Nothing serves behind the gate: what it lets through is 502 or 503.
  assert.ok((await ask('/things/secret')) >= 502);
  await until(async () => ((await ask('/things')) === 401 ? true : null), 'the quarantine');
  const file = join(folder, 'gatewright.yaml');
  const { out } = await run(['incidents', 'list', '-c', file, '--json']);
  const [incident] = JSON.parse(out) as Incident[];
  assert.deepEqual(
    incident!.actions.map(({ kind, target, state }) => [kind, target, state]),
    [['quarantine', 'acme', 'done']],
  );
  assert.equal((await run(['incidents', 'undo', incident!.id, '-c', file])).code, 0);
  await until(async () => ((await ask('/things')) >= 502 ? true : null), 'the undo');
});
