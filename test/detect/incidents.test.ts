// Incidents, responses and notifications over real stores and receivers.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, type TestContext, test } from 'node:test';
import type { StateConfig } from '../../src/config/index.ts';
import {
  type Alert,
  type ChannelConfig,
  type Incident,
  type IncidentAction,
  IncidentDesk,
  incidentText,
  Notifier,
  Responder,
  type RunbookConfig,
  undoAction,
  withAction,
  withNote,
  withStatus,
  withVerdict,
} from '../../src/detect/index.ts';
import { FieldList } from '../../src/http/fields/index.ts';
import { compileSignatureKey, verifySignature } from '../../src/httpsig/index.ts';
import { openState } from '../../src/stores/index.ts';
import { simpleParser, startMailbox } from '../support/mail.ts';
import { freshSchema, postgresUrl, skipPostgres } from '../support/postgres.ts';
import { until } from '../support/until.ts';

const T0 = Date.UTC(2026, 0, 5, 12);

const alertOf = (more: Partial<Alert> = {}): Alert => ({
  detector: 'brute-force',
  atMs: T0,
  entity: { kind: 'address', id: '192.0.2.7' },
  p: 1e-9,
  reason: '192.0.2.7 failed to log in 40 times.',
  evidence: { failures: 40 },
  addresses: ['192.0.2.7'],
  consumers: [],
  operations: ['shop login'],
  ...more,
});

function deskOf(): { desk: IncidentDesk; news: { incident: Incident; isNew: boolean; isWorse: boolean }[] } {
  const news: { incident: Incident; isNew: boolean; isWorse: boolean }[] = [];
  let next = 0;
  const desk = new IncidentDesk({
    newId: () => `inc-${next++}`,
    factsOf: (operation) =>
      operation === 'shop login'
        ? {
            api: 'shop',
            operation: 'login',
            method: 'POST',
            template: '/login',
            isLogin: true,
            isPrivileged: false,
            asset: 4,
          }
        : null,
    historyOf: (consumer) => `${consumer}: known`,
    changesBefore: () => ['The configuration was reloaded.'],
    onIncident: (incident, { isNew, isWorse }) => news.push({ incident, isNew, isWorse }),
  });
  return { desk, news };
}

test('alerts about one entity are one incident, others are not; priority rises with what is added', () => {
  const { desk, news } = deskOf();
  desk.take(alertOf({ p: 1e-4 }));
  desk.take(alertOf({ atMs: T0 + 60_000 }));
  desk.take(alertOf({ detector: 'scanner', atMs: T0 + 120_000, reason: 'scans' }));
  desk.take(alertOf({ entity: { kind: 'address', id: '192.0.2.8' }, addresses: ['192.0.2.8'] }));
  assert.deepEqual(
    news.map(({ incident, isNew }) => [incident.id, isNew]),
    [
      ['inc-0', true],
      ['inc-0', false],
      ['inc-0', false],
      ['inc-1', true],
    ],
  );
  assert.ok(news[1]!.isWorse);
  const incident = desk.get('inc-0')!;
  assert.deepEqual(
    incident.alerts.map(({ detector, count }) => [detector, count]),
    [
      ['brute-force', 2],
      ['scanner', 1],
    ],
  );
  assert.ok(incident.attack.includes('T1110.001') && incident.attack.includes('T1595.002'));
  assert.deepEqual(incident.context, ['The configuration was reloaded.']);
  // Hours later it is another story.
  desk.take(alertOf({ atMs: T0 + 5 * 3_600_000 }));
  assert.equal(desk.open.length, 3);
});

test('what is suppressed is not told, until it ends; what was closed is not added to', () => {
  const { desk, news } = deskOf();
  desk.suppressions = [
    { id: 's', detector: '*', entity: 'address:192.0.2.7', untilMs: T0 + 1000, reason: 'test', by: 'me' },
  ];
  desk.take(alertOf());
  assert.equal(news.length, 0);
  assert.equal(desk.suppressed, 1);
  desk.take(alertOf({ atMs: T0 + 2000 }));
  assert.equal(news.length, 1);
  desk.adopt(withVerdict(desk.get('inc-0')!, 'benign', T0 + 3000));
  desk.take(alertOf({ atMs: T0 + 4000 }));
  assert.equal(news.at(-1)!.incident.id, 'inc-1');
});

test('what people said is taken over without losing an alert that came meanwhile', () => {
  const { desk } = deskOf();
  desk.take(alertOf());
  const stored = withNote(withStatus(desk.get('inc-0')!, 'acknowledged', T0), 'me', 'looking', T0);
  desk.take(alertOf({ detector: 'scanner', atMs: T0 + 1000 }));
  desk.adopt(stored);
  const { status, notes, alerts } = desk.get('inc-0')!;
  assert.deepEqual([status, notes.length, alerts.length], ['acknowledged', 1, 2]);
});

test('the text of an incident has no control characters of clients', () => {
  const { desk } = deskOf();
  desk.take(alertOf({ reason: 'evil\x1b[31m\u202e path\r\nBcc: x', addresses: ['1.2.3.4\x07'] }));
  const said = incidentText(desk.get('inc-0')!);
  assert.ok(!/[\x00-\x09\x0b-\x1f\u202e]/.test(said), JSON.stringify(said));
  assert.match(said, /evil/);
});

const runbookOf = (more: Partial<RunbookConfig> = {}): RunbookConfig => ({
  name: 'guessing',
  detectors: ['brute-force'],
  minPriority: 'low',
  maxP: 1e-6,
  steps: [{ kind: 'ban-address', forMs: 60_000, most: 3, url: '', keyId: '', key: '', ca: '' }],
  isDryRun: false,
  mostAnHour: 4,
  ...more,
});

function responderOf(runbooks: readonly RunbookConfig[], mayAudit = () => true) {
  const bans = new Map<string, number>();
  const actions: IncidentAction[] = [];
  let next = 0;
  let kept: Incident | null = null;
  const ports = {
    bans: {
      ban: async (address: string, untilMs: number) => void bans.set(address, untilMs),
      lift: async (address: string) => void bans.delete(address),
    },
    revocations: null,
  };
  const responder = new Responder(runbooks, {
    ...ports,
    audit: async () => {
      if (!mayAudit()) throw new Error('the trail is full');
    },
    isKnownGood: (address) => address === '192.0.2.99',
    nowMs: () => T0,
    newId: () => `act-${next++}`,
    onAction: async (incident, action) => {
      actions.push(action);
      kept = withAction(kept ?? incident, action);
    },
  });
  return { responder, bans, actions, ports, kept: () => kept! };
}

const addresses = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `192.0.2.${index}`);

test('a runbook bans with an end, within its caps, never who is in good standing, and undoes', async () => {
  const { desk } = deskOf();
  desk.take(alertOf({ addresses: ['192.0.2.99', ...addresses(10)] }));
  const { responder, bans, actions, ports, kept } = responderOf([runbookOf()]);
  await responder.respond(desk.get('inc-0')!);
  assert.deepEqual(
    actions.map(({ target, state }) => [target, state]),
    [
      ['192.0.2.99', 'refused'],
      ['192.0.2.0', 'done'],
      ['192.0.2.1', 'done'],
    ],
  );
  assert.equal(bans.get('192.0.2.0'), T0 + 60_000);
  // What was acted upon is not acted upon again.
  await responder.respond(kept());
  assert.equal(actions.length, 3);
  const undone = await undoAction(actions[1]!, ports);
  assert.equal(undone.state, 'undone');
  assert.ok(!bans.has('192.0.2.0'));
  await assert.rejects(undoAction(undone, ports), /undone/);
  // Two of four an hour are spent.
  desk.take(
    alertOf({
      entity: { kind: 'address', id: '198.51.100.1' },
      addresses: addresses(20).map((a) => a.replace('192.0.2', '198.51.100')),
    }),
  );
  await responder.respond(desk.get('inc-1')!);
  assert.deepEqual(
    actions.slice(3).map(({ state }) => state),
    ['done', 'done', 'refused'],
  );
});

test('a dry run does nothing, and what can not be written down is not done', async () => {
  const { desk } = deskOf();
  desk.take(alertOf());
  const dry = responderOf([runbookOf({ isDryRun: true })]);
  await dry.responder.respond(desk.get('inc-0')!);
  assert.deepEqual(
    dry.actions.map(({ state }) => state),
    ['dry-run'],
  );
  assert.equal(dry.bans.size, 0);
  const mute = responderOf([runbookOf()], () => false);
  await mute.responder.respond(desk.get('inc-0')!);
  assert.deepEqual(
    mute.actions.map(({ state, problem }) => [state, problem]),
    [['failed', 'the trail is full']],
  );
  assert.equal(mute.bans.size, 0);
  const other = responderOf([
    runbookOf({ maxP: 1e-12 }),
    runbookOf({ detectors: ['scanner'] }),
    runbookOf({ minPriority: 'critical' }),
  ]);
  await other.responder.respond(desk.get('inc-0')!);
  assert.equal(other.actions.length, 0);
});

interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

async function startReceiver(
  t: TestContext,
  statuses: number[],
): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      received.push({
        method: request.method!,
        url: request.url!,
        headers: request.headers as Record<string, string>,
        body,
      });
      response.writeHead(statuses.shift() ?? 202).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received };
}

const channelOf = (
  name: string,
  target: ChannelConfig['target'],
  more: Partial<ChannelConfig> = {},
): ChannelConfig => ({
  name,
  target,
  minPriority: 'low',
  digestMs: 0,
  quiet: null,
  escalateMs: 0,
  ...more,
});

async function notifierOf(t: TestContext, channels: readonly ChannelConfig[]) {
  const clock = { nowMs: T0 };
  const incidents = new Map<string, Incident>();
  const problems: string[] = [];
  const notifier = await Notifier.start(channels, {
    nowMs: () => clock.nowMs,
    current: (id) => incidents.get(id) ?? null,
    onProblem: (_channel, problem) => problems.push(problem),
    onSent: () => {},
  });
  t.after(() => notifier.close());
  const tell = (incident: Incident): void => {
    incidents.set(incident.id, incident);
    notifier.tell(incident);
  };
  return { notifier, clock, tell, problems };
}

test('every receiver gets its form, signed where it is signed, once; failures are tried again', async (t) => {
  const { url, received } = await startReceiver(t, [503]);
  const mailbox = await startMailbox();
  t.after(() => mailbox.close());
  mailbox.refuse(1);
  const ca = '';
  const { notifier, clock, tell, problems } = await notifierOf(t, [
    channelOf('hook', {
      kind: 'webhook',
      url: `${url}/hook?a=1`,
      keyId: 'gate',
      key: 'a secret of the two of us, long enough',
      ca,
    }),
    channelOf('slack', { kind: 'slack', url: `${url}/slack`, ca }),
    channelOf('teams', { kind: 'teams', url: `${url}/teams`, ca }),
    channelOf('pager', { kind: 'pagerduty', url: `${url}/pager`, key: 'routing', ca }),
    channelOf('genie', { kind: 'opsgenie', url, key: 'genie', ca }),
    channelOf('mail', {
      kind: 'smtp',
      host: '127.0.0.1',
      port: mailbox.port,
      tls: 'none',
      user: '',
      password: '',
      ca,
      from: 'gate@example.com',
      to: ['soc@example.com'],
    }),
  ]);
  const { desk } = deskOf();
  desk.take(alertOf({ reason: 'asked for <!channel> [x](http://evil) `' }));
  const incident = desk.get('inc-0')!;
  tell(incident);
  tell(incident);
  await until(
    () => notifier.counts().reduce((sum, { sent, failures }) => sum + sent + failures, 0) >= 6,
    'six attempts',
  );
  clock.nowMs += 5000;
  await notifier.tick();
  await until(() => notifier.counts().every(({ sent }) => sent === 1), 'six deliveries');
  assert.equal(problems.length, 2, problems.join('; '));
  assert.equal(received.length, 6);
  const at = (path: string): Received => received.findLast((one) => one.url.startsWith(path))!;
  const hook = at('/hook');
  const fields = new FieldList();
  for (const [name, value] of Object.entries(hook.headers)) fields.append(name, value);
  const verdict = verifySignature(
    {
      method: 'POST',
      scheme: 'http',
      authority: hook.headers['host']!,
      path: '/hook',
      query: 'a=1',
      fields,
      contentLength: -1,
    },
    hook.headers['signature-input']!,
    hook.headers['signature']!,
    new Map([
      [
        'gate',
        {
          key: compileSignatureKey('hmac-sha256', 'a secret of the two of us, long enough'),
          owner: 'gate',
        },
      ],
    ]),
    {
      cover: ['@method', '@authority', '@path', '@query', 'content-digest'],
      tag: '',
      maxAgeMs: 60_000,
      clockSkewMs: 60_000,
    },
    Date.now(),
  );
  assert.ok(typeof verdict === 'object', String(verdict));
  assert.equal((JSON.parse(hook.body) as { incidents: Incident[] }).incidents[0]!.id, 'inc-0');
  assert.ok(!at('/slack').body.includes('<!channel>'));
  assert.ok(at('/teams').body.includes('\\\\[x\\\\]'));
  assert.equal((JSON.parse(at('/pager').body) as { dedup_key: string }).dedup_key, 'inc-0');
  assert.equal(at('/v2/alerts').headers['authorization'], 'GenieKey genie');
  const mail = simpleParser(mailbox.messages[0]!);
  assert.match(mail.subject, /Brute force: 192\.0\.2\.7/);
  assert.match(mail.text, /inc-0/);
  // The end is told to those who were told of the begin, and ends what they keep.
  tell(withVerdict(incident, 'benign', T0));
  await until(() => notifier.counts().every(({ sent }) => sent === 2), 'the end');
  assert.equal((JSON.parse(at('/pager').body) as { event_action: string }).event_action, 'resolve');
  assert.match(at('/v2/alerts').url, /^\/v2\/alerts\/inc-0\/close/);
});

test('digests wait, nights are quiet unless it matters, escalation is for what nobody has answered', async (t) => {
  const { url, received } = await startReceiver(t, []);
  const target = (path: string): ChannelConfig['target'] => ({
    kind: 'slack',
    url: `${url}/${path}`,
    ca: '',
  });
  const { notifier, clock, tell } = await notifierOf(t, [
    channelOf('digest', target('digest'), { digestMs: 600_000 }),
    channelOf('night', target('night'), { quiet: { from: 660, to: 780, zone: 'UTC', except: 'critical' } }),
    channelOf('chief', target('chief'), { escalateMs: 900_000 }),
    channelOf('grave', target('grave'), { minPriority: 'critical' }),
  ]);
  const { desk } = deskOf();
  desk.take(alertOf());
  desk.take(alertOf({ entity: { kind: 'address', id: '192.0.2.8' }, addresses: ['192.0.2.8'] }));
  tell(desk.get('inc-0')!);
  tell(desk.get('inc-1')!);
  const told = (path: string): number => received.filter((one) => one.url === `/${path}`).length;
  await notifier.tick();
  assert.equal(received.length, 0);
  clock.nowMs = T0 + 600_000;
  await notifier.tick();
  assert.equal(told('digest'), 1);
  assert.match(received[0]!.body, /2 incidents/);
  tell(withStatus(desk.get('inc-0')!, 'acknowledged', clock.nowMs));
  clock.nowMs = T0 + 900_000;
  await notifier.tick();
  assert.equal(told('chief'), 1);
  assert.match(received.find((one) => one.url === '/chief')!.body, /192\.0\.2\.8/);
  // Quiet from 11:00 to 13:00, and it was 12:00.
  clock.nowMs = T0 + 3_600_000;
  await notifier.tick();
  assert.equal(told('night'), 1);
  assert.equal(told('grave'), 0);
});

const subjects: readonly {
  name: string;
  skip: string | false;
  config(t: TestContext): Promise<StateConfig>;
}[] = [
  {
    name: 'SQLite',
    skip: false,
    config: async (t) => {
      const folder = await mkdtemp(join(tmpdir(), 'gatewright-incidents-'));
      t.after(() => rm(folder, { recursive: true, force: true }));
      return { kind: 'sqlite', file: join(folder, 'state.db'), sealKey: null };
    },
  },
  {
    name: 'PostgreSQL',
    skip: skipPostgres,
    config: async (t) => ({
      kind: 'postgres',
      url: postgresUrl!,
      schema: freshSchema(t),
      sealKey: 'a seal key of more than thirty-two characters',
    }),
  },
];

for (const { name, skip, config } of subjects)
  describe(`the store of incidents on ${name}`, { skip }, () => {
    test('incidents, concurrent changes, suppressions, models, pruning', async (t) => {
      const state = await openState(await config(t));
      t.after(() => state.close());
      const { incidents } = state;
      const { desk } = deskOf();
      desk.take(alertOf());
      const incident = desk.get('inc-0')!;
      await incidents.put(incident);
      assert.deepEqual(await incidents.get('inc-0'), incident);
      await Promise.all(
        Array.from({ length: 8 }, (_, index) =>
          incidents.change('inc-0', (stored) => withNote(stored, 'me', `note ${index}`, T0 + index)),
        ),
      );
      assert.equal((await incidents.get('inc-0'))!.notes.length, 8);
      assert.equal(await incidents.change('nothing', (stored) => stored), null);
      assert.equal((await incidents.list({ status: 'closed', limit: 5 })).length, 0);
      assert.equal((await incidents.list({ sinceMs: T0, limit: 5 })).length, 1);
      await incidents.putSuppression({
        id: 's',
        detector: '*',
        entity: 'x:y',
        untilMs: T0 + 10,
        reason: 'r',
        by: 'me',
      });
      assert.equal((await incidents.suppressions(T0)).length, 1);
      assert.equal((await incidents.suppressions(T0 + 10)).length, 0);
      assert.ok(await incidents.removeSuppression('s'));
      assert.ok(!(await incidents.removeSuppression('s')));
      assert.equal(await incidents.models('a'), null);
      await incidents.putModels('a', 'of a', 1);
      await incidents.putModels('b', 'of b', 2);
      assert.equal(await incidents.models('a'), 'of a');
      assert.equal(await incidents.models('c'), 'of b');
      await incidents.change('inc-0', (stored) => withVerdict(stored, 'benign', T0));
      await incidents.prune(T0);
      assert.notEqual(await incidents.get('inc-0'), null);
      await incidents.prune(T0 + 1000);
      assert.equal(await incidents.get('inc-0'), null);
      assert.deepEqual((await state.fsck()).problems, []);
    });
  });
