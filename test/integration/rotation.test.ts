// Rotation: a running gate replaces what is due by itself, the command does the same and tells what only others can replace.
import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { startGate } from '../../src/app/index.ts';
import { RotationPlane } from '../../src/app/rotation-plane.ts';
import type { GateConfig } from '../../src/config/index.ts';
import { systemClock } from '../../src/core/index.ts';
import { hashApiKey } from '../../src/credentials/index.ts';
import { IdentityRegistry } from '../../src/identity/index.ts';
import { createRoot, installRoot } from '../../src/identity/services/index.ts';
import { defaultSettings, registerClient, rotateSecret } from '../../src/oauth/index.ts';
import { openState, type State } from '../../src/stores/index.ts';
import { MetricsRegistry } from '../../src/telemetry/index.ts';
import { run } from '../support/command.ts';
import { type LogEntry, openContract, openOperations } from '../support/gate.ts';
import { until } from '../support/until.ts';

const DAY = 86_400_000;
const ago = (days: number) => ({ ...systemClock, epochMs: () => Date.now() - days * DAY });

const isSymmetric = (purpose: string): boolean => purpose.startsWith('login') || purpose.endsWith('cookies');
function keyOf(kid: string, symmetric: boolean): Readonly<Record<string, unknown>> {
  if (symmetric)
    return { kty: 'oct', k: randomBytes(32).toString('base64url'), use: 'enc', kid, alg: 'A256GCM' };
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', kid, alg: 'ES256' };
}

/** A state as a gate left it `days` ago, and a configuration that uses every kind of key. */
async function setUp(
  t: TestContext,
  days: number,
  keepRootKey: boolean,
): Promise<{ folder: string; open(): Promise<State> }> {
  const folder = await mkdtemp(join(tmpdir(), 'gatewright-rotation-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'openapi.yaml'), openContract);
  await writeFile(
    join(folder, 'gatewright.yaml'),
    `listeners: { public: { port: 0, host: 127.0.0.1 } }
state: { sqlite: ./state.db }
upstreams: { things: { targets: [ http://127.0.0.1:9 ] } }
identity:
  forward: {}
  issuers: { corp: { discover: 'http://127.0.0.1:9' } }
  logins: { web: { issuer: corp, client-id: gate, origin: 'http://localhost:8080' } }
  services: { trust-domain: prod.example }
  authorization-server: { issuer: 'http://localhost:8080' }
apis:
  login: { service: authorization-server, limits: [] }
  things:
    contract: ./openapi.yaml
    upstream: things
    base: /things-api
    limits: []
    validate: false
    ${openOperations}
telemetry: { listen: false, access-log: { to: none } }
`,
  );
  const open = (): Promise<State> =>
    openState({ kind: 'sqlite', file: join(folder, 'state.db'), sealKey: null }, Date.now() - days * DAY);
  const state = await open();
  try {
    const root = await createRoot('prod.example', Date.now() - days * DAY);
    await installRoot(state.services, root, true, { keepRootKey }, ago(days) as never);
    const registry = new IdentityRegistry(state.identity, ago(days) as never);
    await registry.add('client', 'shop', [], '', null);
    await registerClient(state.oauth, 'shop', defaultSettings, Date.now() - days * DAY);
    await registry.add('client', 'other', [], '', null);
    await registerClient(state.oauth, 'other', defaultSettings, Date.now() - days * DAY);
    await rotateSecret(state.oauth, 'other', DAY, Date.now());
    for (const [id, sha256] of [
      ['old', hashApiKey('old')],
      ['gone', hashApiKey('gone')],
    ] as const)
      await state.identity.addKey({
        id,
        principal: 'shop',
        sha256,
        scopes: null,
        addresses: [],
        createdMs: Date.now() - days * DAY,
        expiresMs: null,
        revokedMs: null,
        rotatedFrom: '',
      });
    await registry.revokeKey('gone');
    for (const purpose of [
      'forward',
      'login-web',
      'jwt-svid',
      'authorization-server',
      'authorization-server-cookies',
    ])
      await state.identity.addSigningKey(
        {
          id: `${purpose}-old`,
          purpose,
          algorithm: isSymmetric(purpose) ? 'A256GCM' : 'ES256',
          jwk: JSON.stringify(keyOf(`${purpose}-old`, isSymmetric(purpose))),
          createdMs: Date.now() - days * DAY,
          activeMs: Date.now() - days * DAY,
          untilMs: 253_402_300_799_000,
        },
        0,
      );
  } finally {
    await state.close();
  }
  return { folder, open };
}

test('the command replaces every key of the gate that is due, and says what others must replace', async (t) => {
  const { folder } = await setUp(t, 100, false);
  const rotate = async (...args: string[]) => {
    const { code, out, err } = await run([
      'rotate',
      '--json',
      ...args,
      '--config',
      join(folder, 'gatewright.yaml'),
    ]);
    assert.equal(code, 0, err + out);
    return JSON.parse(out) as {
      signing: { purpose: string; rotated: boolean; current: string; next: { id: string } | null }[];
      vault: { key: string; rotated: boolean }[];
      issuing: { rotated: string | null; byItself: boolean };
      overdue: { kind: string; id: string }[];
    };
  };
  const first = await rotate();
  assert.deepEqual(first.signing.map(({ purpose }) => purpose).sort(), [
    'authorization-server',
    'authorization-server-cookies',
    'forward',
    'jwt-svid',
    'login-web',
  ]);
  for (const { purpose, rotated, current, next } of first.signing) {
    assert.equal(rotated, true, purpose);
    // The next is published before it signs: until then it is the old one.
    assert.equal(current, `${purpose}-old`);
    assert.notEqual(next, null);
  }
  assert.deepEqual(first.issuing, { ...first.issuing, rotated: null, byItself: false });
  assert.deepEqual(
    first.overdue.map(({ kind, id }) => (kind === 'issuing-authority' ? kind : `${kind} ${id}`)).sort(),
    ['api-key old', 'client-secret shop', 'issuing-authority'],
  );
  assert.deepEqual(
    first.vault.map(({ key, rotated }) => `${key} ${rotated}`),
    ['state false', 'system false'],
  );
  const again = await rotate();
  assert.ok(
    again.signing.every(({ rotated }) => !rotated),
    'one at a time',
  );
  const forced = await rotate('--force', '--max-age', '1000d');
  assert.ok(forced.vault.every(({ rotated }) => rotated));
  assert.deepEqual(
    forced.overdue.map(({ kind }) => kind),
    ['issuing-authority'],
  );
  const shown = await run(['rotate', '--config', join(folder, 'gatewright.yaml')]);
  assert.match(shown.out, /client-secret +shop .*gatewright clients secret shop/);
  assert.match(shown.out, /vault: state stays/);
});

test('a running gate does the same by itself, and reports', async (t) => {
  const { folder, open } = await setUp(t, 100, true);
  const entries: LogEntry[] = [];
  const gate = await startGate({
    file: join(folder, 'gatewright.yaml'),
    workers: 1,
    log: { write: (level, event, details = {}) => void entries.push({ level, event, details }) },
    env: {},
    watch: false,
  });
  try {
    const purposes = (): unknown[] =>
      entries.filter(({ event }) => event === 'signing-key-created').map(({ details }) => details['purpose']);
    await until(
      () => new Set(purposes()).size === 5 && entries.some(({ event }) => event === 'authority-created'),
      `rotation of all kinds, there are ${purposes().join()}`,
    );
    assert.equal(purposes().length, 5);
    const state = await open();
    try {
      const issuing = (await state.services.authorities('prod.example')).filter(
        ({ kind }) => kind === 'issuing',
      );
      assert.equal(issuing.length, 2);
      const plane = new RotationPlane({
        write: (level, event, details = {}) => void entries.push({ level, event, details }),
      });
      const config = {
        services: { trustDomain: 'prod.example' },
        rotation: { maxAgeMs: 90 * DAY, reportMs: DAY },
      } as unknown as GateConfig;
      plane.configure(config, state);
      await plane.report();
      plane.close();
      const report = entries.find(({ event }) => event === 'rotation-report');
      assert.deepEqual(
        [report?.level, report?.details],
        ['warning', { apiKeys: 1, clientSecrets: 1, issuingAuthorities: 0, oldest: 'shop' }],
      );
      const registry = new MetricsRegistry();
      plane.addGauges(registry);
      assert.match(registry.text(), /gatewright_credentials_overdue\{kind="client-secret"\} 1/);
    } finally {
      await state.close();
    }
  } finally {
    await gate.close();
  }
});
