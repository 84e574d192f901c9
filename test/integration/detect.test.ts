// Detection from end to end on the demo: credentials are stuffed from many addresses while an honest client works on.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { runDemo } from '../../src/demo/index.ts';
import type { Incident } from '../../src/detect/index.ts';
import { run } from '../support/command.ts';
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

  // Each request is a connection of its own: threads take them in turn.
  await until(
    async () => ((await call({ port: demo.port, key: 'x', from: banned })).status === 403 ? true : null),
    'the ban',
  );
  for (let i = 0; i < 12; i++) {
    const { status, body } = await call({ port: demo.port, key: 'x', from: banned });
    assert.equal(status, 403);
    assert.match(body, /address-denied/);
  }

  const mail = simpleParser(await until(() => mailbox.messages[0] ?? null, 'a mail'));
  assert.match(mail.subject, /Credential stuffing/);
  assert.match(mail.text, new RegExp(incident.id));

  await command('ack', incident.id, '--note', 'looking');
  await command('undo', incident.id, action!.id);
  await until(
    async () => ((await call({ port: demo.port, key: 'x', from: banned })).status === 401 ? true : null),
    'the undo',
  );
  const shown = JSON.parse(await command('show', incident.id)) as Incident;
  assert.equal(shown.status, 'acknowledged');
  assert.equal(shown.actions.find(({ id }) => id === action!.id)?.state, 'undone');
  await command('close', incident.id, '--as', 'true-positive');
  isOver = true;
  await work;
  assert.deepEqual([...statuses.keys()], [200], JSON.stringify([...statuses]));
});
