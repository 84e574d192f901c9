// What rules and policies have judged is what the service gets: whichever way a request writes its object, it is refused, or
// arrives as the one that was judged.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startTestGate } from '../support/gate.ts';
import { AUDIENCE, ISSUER, TestIssuer } from '../support/issuer.ts';
import { exchange, request } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';

const contract = `openapi: 3.1.0
info: { title: Bank, version: '1' }
paths:
  /accounts/{id}:
    parameters: [ { name: id, in: path, required: true, schema: { type: string } } ]
    get: { operationId: getAccount, responses: {} }
  /accounts:
    get:
      operationId: searchAccounts
      parameters: [ { name: id, in: query, schema: { type: string } } ]
      responses: {}
  /payments:
    post:
      operationId: pay
      requestBody:
        required: true
        content: { application/json: { schema: { type: object, required: [ from, amount ], properties: { from: { type: string }, amount: { type: integer } } } } }
      responses: {}
`;

test('a policy is never evaluated on other data than is forwarded', async (t) => {
  const upstream = await startRawUpstream(t);
  const issuer = new TestIssuer();
  const gate = await startTestGate(t, {
    contract,
    files: {
      'jwks.json': issuer.jwks(),
      'bank.cedar': `permit(principal, action, resource);
@id("mine") forbid(principal, action == Action::"pay", resource) unless { context.body.from == "a1" && context.body.amount <= 10 };`,
    },
    config: `listeners: { public: { port: 0, host: 127.0.0.1 } }
upstreams: { bank: { targets: [ http://127.0.0.1:${upstream.port} ] } }
identity:
  issuers: { corp: { issuer: ${ISSUER}, jwks: { file: ./jwks.json }, algorithms: [ ES256 ] } }
apis:
  bank:
    contract: ./openapi.yaml
    upstream: bank
    limits: []
    authenticate: [ { jwt: { issuer: corp, audience: ${AUDIENCE} } } ]
    authorize: { policy: ./bank.cedar, own: [ { parameter: id, claim: accounts } ] }
telemetry: { listen: false, access-log: { to: { file: ./access.log } } }
`,
  });
  const authorization = `Bearer ${issuer.token({ accounts: ['a1'] })}`;
  const send = (
    method: string,
    target: string,
    fields: Record<string, string> = {},
    body?: string | Buffer,
  ) => {
    const head = request(
      method,
      target,
      { authorization, ...fields },
      typeof body === 'string' ? body : undefined,
    );
    return exchange(gate.port, head, method);
  };
  const json = { 'content-type': 'application/json' };
  const bodies: readonly (readonly [Record<string, string>, string])[] = [
    [json, '{"from":"a1","amount":10}'],
    [json, '{"from":"a1","amount":1,"from":"b7"}'],
    [json, '{"from":"b7","from":"a1","amount":1}'],
    [json, '{"from":"a1","amount":1,"\\u0066rom":"b7"}'],
    [json, '{"from":"a1","amount":1,"__proto__":{"from":"b7"}}'],
    [json, '{"from":"a1","amount":1}{"from":"b7","amount":1}'],
    [json, '\xef\xbb\xbf{"from":"b7","amount":1}'],
    [json, '{"from":"a1","amount":1.0e1}'],
    [json, '{"from":"a1","amount":9007199254740993}'],
    [json, '{"from":"a1","amount":1e400}'],
    [json, "{'from':'b7','amount':1}"],
    [json, '{"from":"a1","amount":1,}'],
    [json, '{"from":"a1",/* from b7 */"amount":1}'],
    [{ 'content-type': 'application/json; charset=utf-16' }, '{"from":"a1","amount":1}'],
    [{ 'content-type': 'application/json; charset=utf-7' }, '{"from":"a1","amount":1}'],
    [{ 'content-type': 'text/plain' }, '{"from":"b7","amount":1}'],
    [{ 'content-type': 'application/x-www-form-urlencoded' }, 'from=b7&amount=1'],
    [{ ...json, 'content-encoding': 'gzip' }, '{"from":"a1","amount":1}'],
    [{ ...json, 'x-http-method-override': 'PUT' }, '{"from":"a1","amount":1}'],
  ];
  let passed = 0;
  for (const [fields, body] of bodies) {
    const before = upstream.requests.length;
    const { status } = await send('POST', '/payments', fields, body);
    const arrived = upstream.requests.slice(before);
    if (status !== 200) {
      assert.deepEqual(arrived, [], body);
      continue;
    }
    passed++;
    // Read by another parser, which keeps the last of two members.
    const { from, amount } = JSON.parse(arrived[0]!.body.toString()) as { from: string; amount: number };
    assert.ok(from === 'a1' && amount <= 10, body);
    assert.equal(arrived[0]!.body.toString(), body);
  }
  assert.ok(passed >= 1 && passed <= 3, String(passed));
  for (const target of [
    '/accounts/a1',
    '/accounts/%61%31',
    '/accounts/b7',
    '/accounts/a1/../b7',
    '/accounts/b7/../a1',
    '/accounts/a1%2f..%2fb7',
    '/accounts/a1;id=b7',
    '/accounts/a1%3Fid=b7',
    '/accounts//a1',
    '/accounts/a1/',
    '/accounts/a1#/../b7',
    '/accounts?id=a1',
    '/accounts?id=a1&id=b7',
    '/accounts?id=b7&id=a1',
    '/accounts?id=a1&%69d=b7',
    '/accounts?id=a1;id=b7',
    '/accounts?id[]=b7',
    '/accounts?ID=b7',
    '/accounts?id=a1%26id=b7',
  ]) {
    const before = upstream.requests.length;
    const { status } = await send('GET', target);
    const [arrived] = upstream.requests.slice(before);
    if (status !== 200) assert.equal(arrived, undefined, target);
    else {
      const url = new URL(arrived!.target, 'http://bank');
      const ids = url.pathname === '/accounts' ? url.searchParams.getAll('id') : [url.pathname.split('/')[2]];
      assert.deepEqual(ids, ['a1'], `${target} arrived as ${arrived!.target}`);
    }
  }
});
