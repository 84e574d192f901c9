// Authorization over the wire: objects of others, hidden functions, fields that are not the caller's to set, a role that was
// taken away, a second method, and policies with all that they can see.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createApiKey } from '../../src/credentials/index.ts';
import { run } from '../support/command.ts';
import { startTestGate } from '../support/gate.ts';
import { AUDIENCE, ISSUER, TestIssuer } from '../support/issuer.ts';
import { exchange, RawClient, type RawResponse, request } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { until } from '../support/until.ts';

const contract = `openapi: 3.1.0
info: { title: Bank, version: '1' }
components: { securitySchemes: { oauth: { type: oauth2, flows: {} } } }
paths:
  /accounts:
    get:
      operationId: searchAccounts
      parameters: [ { name: accountId, in: query, schema: { type: array, items: { type: string } } } ]
      responses: {}
  /accounts/{accountId}:
    parameters: [ { name: accountId, in: path, required: true, schema: { type: string } } ]
    get: { operationId: getAccount, responses: {} }
    patch:
      operationId: changeAccount
      requestBody: { content: { application/json: { schema: { $ref: '#/components/schemas/x' } } } }
      responses: {}
    delete: { operationId: closeAccount, security: [ { oauth: [ admin ] } ], responses: {} }
  /payments:
    post:
      operationId: createPayment
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              required: [ from, amount ]
              properties: { from: { type: string }, amount: { type: integer }, lines: { type: array, items: { type: object, properties: { from: { type: string } } } } }
          text/plain: {}
      responses: {}
`.replace(
  "{ $ref: '#/components/schemas/x' }",
  '{ type: object, properties: { name: { type: string }, limit: { type: integer } } }',
);

interface Parts {
  readonly authorize?: string;
  readonly operations?: string;
  readonly identity?: string;
  /** More issuers, after a comma. */
  readonly issuers?: string;
  /** More ways to authenticate, after a comma. */
  readonly methods?: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly policy?: string;
  readonly extra?: string;
  readonly listener?: string;
}

async function setUp(t: TestContext, parts: Parts) {
  const upstream = await startRawUpstream(t);
  const issuer = new TestIssuer();
  const key = createApiKey('partner-1');
  const config = (overrides: Parts = {}): string => {
    const used = { ...parts, ...overrides };
    return `listeners: { public: { port: 0, host: 127.0.0.1${used.listener ?? ''} } }
upstreams: { bank: { targets: [ http://127.0.0.1:${upstream.port} ] } }
identity:
  issuers: { corp: { issuer: ${ISSUER}, jwks: { file: ./jwks.json }, algorithms: [ ES256 ], roles-claim: roles, groups-claim: groups }${used.issuers ?? ''} }
  consumers: { partner: { scopes: [ admin ], keys: [ { id: partner-1, sha256: ${key.sha256} } ] } }
${used.identity ?? ''}
apis:
  bank:
    contract: ./openapi.yaml
    upstream: bank
    limits: []
    authenticate: [ { jwt: { issuer: corp, audience: ${AUDIENCE} } }, { api-key: {} }${used.methods ?? ''} ]
    authorize: { ${used.authorize ?? ''} }
    operations: { ${used.operations ?? ''} }
telemetry: { listen: false, access-log: { to: { file: ./access.log } } }
${used.extra ?? ''}
`;
  };
  const files = {
    'jwks.json': issuer.jwks(),
    ...parts.files,
    ...(parts.policy === undefined ? {} : { 'bank.cedar': parts.policy }),
  };
  const gate = await startTestGate(t, { config: config(), contract, files });
  const call = (
    method: string,
    target: string,
    claims: Readonly<Record<string, unknown>>,
    options: { readonly body?: unknown; readonly fields?: Readonly<Record<string, string>> } = {},
  ): Promise<RawResponse> => {
    const text = typeof options.body === 'string' ? options.body : JSON.stringify(options.body);
    const fields = {
      authorization: `Bearer ${issuer.token(claims)}`,
      ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.fields,
    };
    return exchange(gate.port, request(method, target, fields, text), method);
  };
  return { upstream, issuer, key: key.key, gate, call, config };
}

const codeOf = (response: RawResponse): string =>
  response.status < 400 ? '' : String(response.json()['type']).replace('urn:gatewright:problem:', '');
const outcome = async (answer: Promise<RawResponse>): Promise<string> => {
  const response = await answer;
  return `${response.status} ${codeOf(response)}`.trim();
};

const ingrid = { sub: 'ingrid', accounts: ['a1', 'a2'] };

test('objects of others: in the path, the query and the body, and every refusal is the same', async (t) => {
  const { call, upstream, gate, key } = await setUp(t, {
    authorize:
      "own: [ { parameter: accountId, claim: accounts, unless-role: [ auditor ] }, { field: /from, claim: accounts }, { field: '/lines/*/from', claim: accounts } ]",
    identity: '  roles: { auditor: { members: [ "corp|anna" ] } }',
  });
  const pay = (body: unknown) => call('POST', '/payments', ingrid, { body });
  assert.equal(await outcome(call('GET', '/accounts/a1', ingrid)), '200');
  assert.equal(await outcome(call('GET', '/accounts?accountId=a1&accountId=a2', ingrid)), '200');
  assert.equal(await outcome(call('GET', '/accounts', ingrid)), '200');
  assert.equal(await outcome(pay({ from: 'a2', amount: 1, lines: [{ from: 'a1' }, {}] })), '200');
  assert.equal(await outcome(call('GET', '/accounts/b7', { sub: 'anna' })), '200');
  const allowed = upstream.requests.length;
  const attempts = [
    call('GET', '/accounts/b7', ingrid),
    call('GET', '/accounts/nobody-has-this', ingrid),
    call('GET', '/accounts/A1', ingrid),
    call('PATCH', '/accounts/b7', ingrid, { body: {} }),
    call('GET', '/accounts?accountId=a1&accountId=b7', ingrid),
    call('GET', '/accounts?accoun%74Id=b7', ingrid),
    call('GET', '/accounts/a1', { sub: 'ingrid' }),
    call('GET', '/accounts/a1', { sub: 'ingrid', accounts: { a1: true } }),
    call('GET', '/accounts/1', { sub: 'ingrid', accounts: [1.5, null, {}] }),
    pay({ from: 'b7', amount: 1 }),
    pay({ from: 'a1', amount: 1, lines: [{ from: 'a1' }, { from: 'b7' }] }),
  ];
  for (const attempt of attempts) {
    const response = await attempt;
    assert.equal(codeOf(response), 'object-denied');
    assert.deepEqual(Object.keys(response.json()).sort(), ['instance', 'status', 'title', 'type']);
  }
  // A key has no claims, so nothing is its own.
  const asPartner = await exchange(gate.port, request('GET', '/accounts/a1', { 'x-api-key': key }));
  assert.equal(codeOf(asPartner), 'object-denied');
  // JSON that two readers would read in two ways, and a body that no rule can look into.
  assert.equal(await outcome(pay('{"from":"a1","amount":1,"from":"b7"}')), '400 body-invalid');
  const plain = call('POST', '/payments', ingrid, {
    body: 'from=b7',
    fields: { 'content-type': 'text/plain' },
  });
  assert.equal(await outcome(plain), '415 media-type-unsupported');
  assert.equal(upstream.requests.length, allowed);
});

test('who tries many ids is told apart in the answer and the log', async (t) => {
  const { call, gate } = await setUp(t, {
    authorize: 'own: [ { parameter: accountId, claim: accounts } ], enumeration: 3/h',
    extra: 'audit: { folder: ./audit }',
  });
  const codes: string[] = [];
  for (let i = 0; i < 5; i++) codes.push(codeOf(await call('GET', `/accounts/b${i}`, ingrid)));
  assert.deepEqual(codes, [
    ...new Array<string>(3).fill('object-denied'),
    ...new Array<string>(2).fill('enumeration-suspected'),
  ]);
  // Others, and the caller's own objects, are not concerned.
  assert.equal(codeOf(await call('GET', '/accounts/b1', { sub: 'mateus' })), 'object-denied');
  assert.equal((await call('GET', '/accounts/a1', ingrid)).status, 200);
  const lines = await gate.accessLines(7);
  assert.equal(lines.filter((line) => line['reason'] === 'enumeration').length, 2);
  // Who has many accounts tries with all of them, from one address: fifteen were refused there.
  const many: string[] = [];
  for (let i = 0; i < 11; i++) many.push(codeOf(await call('GET', `/accounts/c${i}`, { sub: `bot-${i}` })));
  assert.deepEqual(many, [
    ...new Array<string>(9).fill('object-denied'),
    ...new Array<string>(2).fill('enumeration-suspected'),
  ]);
  // It is reported, once for a while, and kept.
  const reported = await until(
    () => gate.log.filter(({ event }) => event === 'enumeration-suspected')[0],
    'the report of the enumeration',
  );
  assert.deepEqual(
    [reported.level, reported.details['consumer'], reported.details['operation']],
    ['warning', 'corp|ingrid', 'getAccount'],
  );
  const ofIngrid = gate.log.filter(
    ({ event, details }) => event === 'enumeration-suspected' && details['consumer'] === 'corp|ingrid',
  );
  assert.equal(ofIngrid.length, 1);
  await gate.gate.close();
  const kept = await run([
    'audit',
    'search',
    '--action',
    'threat.enumeration',
    '-c',
    `${gate.folder}/gatewright.yaml`,
  ]);
  assert.match(kept.out, /threat\.enumeration/, kept.err);
  assert.match(kept.out, /corp\|ingrid/);
});

test('functions: scopes of the contract, roles by membership, group and token, and inheritance', async (t) => {
  const { call, gate, key, issuer } = await setUp(t, {
    operations:
      'searchAccounts: { roles: [ teller ] }, closeAccount: { roles: [ manager ], scopes: [ admin ] }',
    identity: `  roles:
    teller: { groups: [ corp|branch ] }
    manager: { includes: [ teller ], members: [ partner, corp|astrid ] }`,
  });
  const search = (claims: Readonly<Record<string, unknown>>) => outcome(call('GET', '/accounts', claims));
  assert.equal(await search({ sub: 'ingrid' }), '403 role-insufficient');
  assert.equal(await search({ sub: 'tom', groups: ['branch'] }), '200');
  assert.equal(await search({ sub: 'tom', groups: 'branch' }), '200');
  assert.equal(await search({ sub: 'astrid' }), '200');
  assert.equal(await search({ sub: 'eva', roles: ['manager'] }), '200');
  assert.equal(await search({ sub: 'eva', roles: ['Manager', 'x', 7, null] }), '403 role-insufficient');
  assert.equal(await search({ sub: 'corp|astrid' }), '403 role-insufficient');
  const close = (claims: Readonly<Record<string, unknown>>) =>
    outcome(call('DELETE', '/accounts/a1', claims));
  assert.equal(await close({ sub: 'astrid' }), '403 scope-insufficient');
  assert.equal(await close({ sub: 'astrid', scope: 'admin' }), '200');
  assert.equal(await close({ sub: 'tom', groups: ['branch'], scope: 'admin' }), '403 role-insufficient');
  const asPartner = await exchange(
    gate.port,
    request('DELETE', '/accounts/a1', { 'x-api-key': key }),
    'DELETE',
  );
  assert.equal(asPartner.status, 200);
  // A subject that looks like another issuer's member is only what it is: a subject of this issuer.
  assert.equal(
    (
      await exchange(
        gate.port,
        request('GET', '/accounts', { authorization: `Bearer ${issuer.token({ sub: 'partner' })}` }),
      )
    ).status,
    403,
  );
});

test('a role that is taken away is gone with the reload, whatever was remembered of the token', async (t) => {
  const roles = (members: string) => `  roles: { teller: { members: [ ${members} ] } }`;
  const { gate, config, issuer } = await setUp(t, {
    operations: 'searchAccounts: { roles: [ teller ] }',
    identity: roles('corp|tom'),
  });
  const token = issuer.token({ sub: 'tom' });
  const ask = async () =>
    (await exchange(gate.port, request('GET', '/accounts', { authorization: `Bearer ${token}` }))).status;
  assert.equal(await ask(), 200);
  assert.equal(await ask(), 200);
  await gate.write('gatewright.yaml', config({ identity: roles('corp|eva') }));
  await gate.gate.reload();
  assert.equal(await ask(), 403);
});

test('fields that only a role may set are refused to others, even with the same value', async (t) => {
  const { call, upstream } = await setUp(t, {
    operations: 'changeAccount: { writable: { /limit: [ manager ] } }',
    identity: '  roles: { manager: { members: [ corp|astrid ] } }',
  });
  const change = (sub: string, body: unknown) => call('PATCH', '/accounts/a1', { sub }, { body });
  assert.equal((await change('ingrid', { name: 'Savings' })).status, 200);
  assert.equal((await change('astrid', { name: 'Savings', limit: 5000 })).status, 200);
  const before = upstream.requests.length;
  for (const body of [{ limit: 5000 }, '{"name":"x","\\u006cimit":1}']) {
    const refused = await change('ingrid', body);
    assert.deepEqual([refused.status, codeOf(refused)], [403, 'field-denied']);
    assert.deepEqual(refused.json()['errors'], [
      { in: 'body', pointer: '/limit', message: 'may not be set by this caller' },
    ]);
  }
  assert.equal(upstream.requests.length, before);
});

test('a second method in a header is refused, whoever asks', async (t) => {
  const { call, upstream } = await setUp(t, {});
  for (const name of ['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override']) {
    const answer = call('POST', '/payments', ingrid, {
      body: { from: 'a1', amount: 1 },
      fields: { [name]: 'DELETE' },
    });
    assert.equal(await outcome(answer), '400 method-override-refused');
  }
  assert.equal(await outcome(call('GET', '/accounts?_method=DELETE', ingrid)), '400 parameter-invalid');
  assert.equal(upstream.requests.length, 0);
});

const policy = `@id("customers")
permit(principal is User, action in Action::"reads", resource == Api::"bank");

@id("small-payments")
permit(principal is User, action == Action::"createPayment", resource) when { context.body.amount <= 1000 };

@id("large-payments")
permit(principal in Role::"trader", action == Action::"createPayment", resource);

@id("strong-login") @step_up("urn:acr:2fa") @max_age("300")
forbid(principal, action == Action::"createPayment", resource)
when { context has body && context.body.amount > 100 }
unless { context.authentication has acr && context.authentication.acr == "urn:acr:2fa" };

@id("risky")
forbid(principal, action, resource) when { context.risk >= 50 };

@id("office")
forbid(principal, action == Action::"changeAccount", resource)
unless { context.network has address && context.network.address.isInRange(ip("10.0.0.0/8")) };

@id("own-branch")
permit(principal, action == Action::"changeAccount", resource)
when { principal.claims has branch && context.parameters.accountId like "a*" };
`;

const policyParts: Parts = {
  authorize: 'policy: ./bank.cedar',
  identity: '  claims: { branch: string }\n  roles: { trader: { members: [ corp|tom ] } }',
  policy,
  listener: ', trusted-proxies: [ 127.0.0.1 ]',
  extra: 'risk: { addresses: [ { from: [ 198.51.100.0/24 ], adds: 60 } ] }',
};

test('policies decide by caller, operation, body, login, risk and network, and the log says which', async (t) => {
  const { call, gate, key, upstream } = await setUp(t, policyParts);
  const pay = (claims: Readonly<Record<string, unknown>>, amount: number) =>
    call('POST', '/payments', claims, { body: { from: 'a1', amount } });
  const strong = { ...ingrid, acr: 'urn:acr:2fa' };
  assert.equal(await outcome(call('GET', '/accounts/a1', ingrid)), '200');
  const asPartner = await exchange(gate.port, request('GET', '/accounts/a1', { 'x-api-key': key }));
  assert.deepEqual([asPartner.status, codeOf(asPartner)], [403, 'policy-denied']);
  assert.deepEqual(Object.keys(asPartner.json()).sort(), ['instance', 'status', 'title', 'type']);
  assert.equal(await outcome(pay(ingrid, 100)), '200');
  assert.equal(await outcome(pay(strong, 1000)), '200');
  assert.equal(await outcome(pay(strong, 1001)), '403 policy-denied');
  assert.equal(await outcome(pay({ ...strong, sub: 'tom' }, 1_000_000)), '200');
  const weak = await pay(ingrid, 101);
  assert.deepEqual([weak.status, codeOf(weak)], [401, 'authentication-insufficient']);
  assert.equal(
    weak.fields.get('www-authenticate'),
    'Bearer error="insufficient_user_authentication", acr_values="urn:acr:2fa", max_age="300"',
  );
  const from = (address: string) => ({ fields: { 'x-forwarded-for': address } });
  assert.equal(await outcome(call('GET', '/accounts/a1', ingrid, from('198.51.100.7'))), '403 policy-denied');
  // A better login does not help against a forbid that asks for none.
  const risky = call('POST', '/payments', ingrid, {
    body: { from: 'a1', amount: 500 },
    ...from('198.51.100.7'),
  });
  assert.equal(await outcome(risky), '403 policy-denied');
  const change = (account: string, claims: Readonly<Record<string, unknown>>, address: string) =>
    outcome(call('PATCH', `/accounts/${account}`, { ...ingrid, ...claims }, { body: {}, ...from(address) }));
  assert.equal(await change('a1', { branch: 'north' }, '10.1.2.3'), '200');
  assert.equal(await change('a1', { branch: 'north' }, '11.1.2.3'), '403 policy-denied');
  assert.equal(await change('a1', { branch: 7 }, '10.1.2.3'), '403 policy-denied');
  assert.equal(await change('b1', { branch: 'north' }, '10.1.2.3'), '403 policy-denied');
  const lines = await gate.accessLines(13);
  assert.deepEqual(
    lines.map((line) =>
      [line['status'], line['policy'] ?? '', line['reason'] ?? '', line['risk'] ?? 0].join(' '),
    ),
    [
      '200 customers  0',
      '403  no-permit 0',
      '200 small-payments  0',
      '200 small-payments  0',
      '403  no-permit 0',
      '200 large-payments  0',
      '401 strong-login step-up 0',
      '403 risky forbid 60',
      '403 strong-login forbid 60',
      '200 own-branch  0',
      '403 office forbid 0',
      '403  no-permit 0',
      '403  no-permit 0',
    ],
  );
  assert.equal(upstream.requests.length, 5);
});

test('a forbid that has no value refuses: nobody knows what it would have said', async (t) => {
  const { call, gate } = await setUp(t, {
    authorize: 'policy: ./bank.cedar',
    policy: `permit(principal, action, resource);
@id("overflows") forbid(principal, action == Action::"createPayment", resource) when { context.body.amount * 9223372036854775807 > 5 };`,
  });
  const pay = (amount: number) => outcome(call('POST', '/payments', ingrid, { body: { from: 'a', amount } }));
  assert.equal(await pay(0), '200');
  assert.equal(await pay(2), '403 policy-denied');
  const lines = await gate.accessLines(2);
  assert.deepEqual([lines[1]!['policy'], lines[1]!['reason']], ['overflows', 'policy-error']);
});

test('policies change with a reload, and a wrong one leaves the old one deciding', async (t) => {
  const { call, gate } = await setUp(t, policyParts);
  const ask = () => outcome(call('GET', '/accounts/a1', ingrid));
  assert.equal(await ask(), '200');
  await gate.write('bank.cedar', 'permit(principal, action, resource) when { context.rsik > 1 };');
  const refused = await gate.gate.reload();
  assert.deepEqual(
    [refused.ok, refused.diagnostics.map(({ id, line, column }) => [id, line, column])],
    [false, [['policy-invalid', 1, 44]]],
  );
  assert.equal(await ask(), '200');
  await gate.write('bank.cedar', '');
  assert.equal((await gate.gate.reload()).ok, true);
  assert.equal(await ask(), '403 policy-denied');
});

test('a thousand policies are taken over while requests go on, and none is lost', async (t) => {
  const many = (amount: number) =>
    Array.from(
      { length: 1000 },
      (_, i) =>
        `@id("p${i}") permit(principal in Role::"r${i}", action in Action::"reads", resource) when { context.risk < ${i + amount} };`,
    ).join('\n');
  const { gate, issuer } = await setUp(t, {
    authorize: 'policy: ./bank.cedar',
    identity: `  roles: { ${Array.from({ length: 1000 }, (_, i) => `r${i}: { }`).join(', ')} }`,
    policy: many(1),
  });
  const roles = Array.from({ length: 1000 }, (_, i) => `r${i}`);
  const fields = { authorization: `Bearer ${issuer.token({ sub: 'tom', roles })}` };
  let stop = false;
  let answered = 0;
  const load = async (): Promise<void> => {
    const client = await RawClient.connect(gate.port);
    while (!stop) {
      client.send(request('GET', '/accounts', fields));
      const response = await client.response();
      assert.equal(response.status, 200);
      answered++;
    }
    client.socket.destroy();
  };
  const clients = [load(), load(), load()];
  for (let round = 2; round < 5; round++) {
    await gate.write('bank.cedar', many(round));
    assert.equal((await gate.gate.reload()).ok, true);
    const before = answered;
    await until(() => (answered > before + 10 ? true : undefined), 'requests after the reload');
  }
  stop = true;
  await Promise.all(clients);
  const refused = await exchange(
    gate.port,
    request('GET', '/accounts', { authorization: `Bearer ${issuer.token({ sub: 'tom' })}` }),
  );
  assert.deepEqual([refused.status, codeOf(refused)], [403, 'policy-denied']);
});

test('what one issuer says never counts for another, and a caller is not taken for another kind of caller', async (t) => {
  const other = new TestIssuer();
  const { gate, issuer, key } = await setUp(t, {
    issuers:
      ', partner: { issuer: https://partner.example.com, jwks: { file: ./partner.json }, algorithms: [ ES256 ] }',
    methods: `, { jwt: { issuer: partner, audience: ${AUDIENCE} } }`,
    files: { 'partner.json': other.jwks() },
    operations: 'searchAccounts: { roles: [ manager ] }',
    identity: '  roles: { manager: { members: [ corp|astrid ], groups: [ corp|branch ] } }',
    authorize: 'policy: ./bank.cedar',
    policy: `permit(principal in Role::"manager", action == Action::"searchAccounts", resource);
permit(principal == User::"corp|astrid", action == Action::"getAccount", resource);
permit(principal == Client::"partner", action == Action::"getAccount", resource);`,
  });
  const ask = async (target: string, fields: Readonly<Record<string, string>>): Promise<number> =>
    (await exchange(gate.port, request('GET', target, fields))).status;
  const bearer = (from: TestIssuer, claims: Readonly<Record<string, unknown>>) => ({
    authorization: `Bearer ${from.token(claims)}`,
  });
  const foreign = { iss: 'https://partner.example.com' };
  assert.equal(await ask('/accounts', bearer(issuer, { sub: 'astrid' })), 200);
  assert.equal(await ask('/accounts/a1', bearer(issuer, { sub: 'astrid' })), 200);
  assert.equal(await ask('/accounts/a1', { 'x-api-key': key }), 200);
  const claims = { sub: 'astrid', roles: ['manager'], groups: ['branch', 'corp|branch'] };
  assert.equal(await ask('/accounts', bearer(other, { ...foreign, ...claims })), 403);
  assert.equal(await ask('/accounts/a1', bearer(other, { ...foreign, ...claims })), 403);
  assert.equal(await ask('/accounts', bearer(other, { ...foreign, ...claims, sub: 'corp|astrid' })), 403);
  // A user called like a program is no program, and the other way round.
  assert.equal(await ask('/accounts/a1', bearer(issuer, { sub: 'partner' })), 403);
  assert.equal(await ask('/accounts', { 'x-api-key': key }), 403);
  // A token of the other issuer that calls itself one of this issuer is not even a token.
  assert.equal(await ask('/accounts', bearer(other, claims)), 401);
});

test('a policy lowers the limit of whom it holds for, on all threads, and of nobody else', async (t) => {
  const { call, gate, key } = await setUp(t, {
    ...policyParts,
    policy: `@id("all") permit(principal, action, resource);
@id("suspects") @limit("3/h") forbid(principal, action in Action::"reads", resource) when { context.risk >= 50 };
@id("small") @limit("1/h")
forbid(principal, action == Action::"createPayment", resource) when { context has body && context.body.amount > 100 };
`,
  });
  const from = (address: string, sub = 'ingrid') =>
    outcome(call('GET', '/accounts/a1', { ...ingrid, sub }, { fields: { 'x-forwarded-for': address } }));
  for (let i = 0; i < 3; i++) assert.equal(await from('198.51.100.7'), '200');
  assert.equal(await from('198.51.100.7'), '429 rate-limited');
  // The same caller from elsewhere, and another suspect, have limits of their own.
  assert.equal(await from('192.0.2.1'), '200');
  assert.equal(await from('198.51.100.8', 'tom'), '200');
  const refused = await exchange(
    gate.port,
    request('GET', '/accounts/a1', { 'x-api-key': key, 'x-forwarded-for': '198.51.100.7' }),
  );
  assert.equal(refused.status, 200);
  const pay = (amount: number) =>
    outcome(call('POST', '/payments', ingrid, { body: { from: 'a1', amount } }));
  assert.deepEqual([await pay(500), await pay(500), await pay(50)], ['200', '429 rate-limited', '200']);
  const lines = await gate.accessLines(10);
  const limited = lines.find((line) => line['reason'] === 'policy-limit');
  assert.deepEqual([limited?.['policy'], limited?.['guard']], ['suspects', 'authorize']);
});

test('@limit stands on forbids, and is a rate', async (t) => {
  for (const [policy, problem] of [
    ['@limit("3/h") permit(principal, action, resource);', /only a forbid can have @limit/],
    ['@limit("often") forbid(principal, action, resource);', /"often" is not a rate such as 10\/m/],
  ] as const)
    await assert.rejects(setUp(t, { ...policyParts, policy }), problem);
});
