// Tokens that platforms give to workloads (Kubernetes, EKS, Azure, Google Cloud, GitHub Actions) as credentials: each platform is an
// issuer like any other, discovered over TLS with the authority and the credential that it asks for.
import assert from 'node:assert/strict';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { Authority, needsOpenssl } from '../support/authority.ts';
import { openContract, startTestGate } from '../support/gate.ts';
import { AUDIENCE, TestIssuer } from '../support/issuer.ts';
import { exchange, request } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';

/** The whole world gets tokens of these. */
const known: Readonly<Record<string, string>> = {
  gcp: `, subjects: [ '113774264463038321964' ]`,
  actions: `, subjects: [ 'repo:acme/shop:*' ]`,
};
const BEARER = 'token of the gate’s own service account'.replace('’', '');

test(
  'tokens of workloads: of their platform, for this audience, under the name that it gave them',
  needsOpenssl,
  async (t) => {
    const authority = new Authority('cluster');
    t.after(() => authority.remove());
    const served = authority.issue({ name: 'cluster', san: 'DNS:localhost', usage: 'serverAuth' });
    const platforms = new Map(
      ['', '/id/EXAMPLED539D4633E53DE1B716D3041E', '/7f3e/v2.0', '/gcp', '/actions'].map((path) => [
        path,
        new TestIssuer(),
      ]),
    );
    const withoutCredential: string[] = [];
    const server = createServer({ cert: served.certificate, key: served.key }, (incoming, response) => {
      const url = incoming.url ?? '';
      const found = /^(.*)\/(\.well-known\/openid-configuration|keys)$/.exec(url);
      const issuer = platforms.get(found?.[1] ?? 'none');
      if (found === null || issuer === undefined) return response.writeHead(404).end();
      // A cluster tells its keys to who is somebody in it.
      if (found[1] === '' && incoming.headers.authorization !== `Bearer ${BEARER}`) {
        withoutCredential.push(url);
        return response.writeHead(401).end();
      }
      response.setHeader('content-type', 'application/json');
      const iss = `${origin}${found[1]}`;
      return response.end(
        found[2] === 'keys' ? issuer.jwks() : JSON.stringify({ issuer: iss, jwks_uri: `${iss}/keys` }),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    const origin = `https://localhost:${(server.address() as AddressInfo).port}`;
    const upstream = await startRawUpstream(t);
    const names = ['cluster', 'eks', 'azure', 'gcp', 'actions'];
    const issuers = [...platforms.keys()].map(
      (path, i) =>
        `    ${names[i]}: { discover: '${origin}${path}', algorithms: [ ES256 ], fetch: { ca: ./ca.pem${path === '' ? ', bearer-file: ./token' : ''} } }`,
    );
    const gate = await startTestGate(t, {
      contract: openContract,
      files: { 'ca.pem': authority.certificate, token: `${BEARER}\n` },
      config: `listeners: { public: { port: 0, host: 127.0.0.1 } }
upstreams: { things: { targets: [ http://127.0.0.1:${upstream.port} ] } }
identity:
  issuers:
${issuers.join('\n')}
apis:
  things:
    contract: ./openapi.yaml
    upstream: things
    limits: []
    validate: false
    authenticate: [ ${names.map((name) => `{ jwt: { issuer: ${name}, audience: ${AUDIENCE}${known[name] ?? ''} } }`).join(', ')} ]
telemetry: { listen: false, access-log: { to: { file: ./access.log } } }
`,
    });
    const ask = async (token: string): Promise<number> =>
      (await exchange(gate.port, request('GET', '/things', { authorization: `Bearer ${token}` }))).status;
    const paths = [...platforms.keys()];
    const token = (platform: number, claims: Record<string, unknown>): string =>
      platforms.get(paths[platform]!)!.token({ iss: `${origin}${paths[platform]}`, ...claims });
    const account = {
      aud: [AUDIENCE],
      sub: 'system:serviceaccount:shop:billing',
      'kubernetes.io': {
        namespace: 'shop',
        pod: { name: 'billing-7d9c', uid: '5b7c' },
        serviceaccount: { name: 'billing', uid: '9f1e' },
      },
    };
    const good: readonly (readonly [number, Record<string, unknown>])[] = [
      [0, account],
      [1, account],
      [2, { sub: '8d1c', oid: '8d1c', azp: '2f6b', tid: '7f3e', roles: ['Orders.Read'], ver: '2.0' }],
      [
        3,
        {
          sub: '113774264463038321964',
          azp: '113774264463038321964',
          email: 'billing@shop.iam.gserviceaccount.com',
          email_verified: true,
        },
      ],
      [
        4,
        {
          sub: 'repo:acme/shop:ref:refs/heads/main',
          repository: 'acme/shop',
          workflow: 'deploy',
          job_workflow_ref: 'acme/shop/x@main',
        },
      ],
    ];
    for (const [platform, claims] of good)
      assert.equal(await ask(token(platform, claims)), 200, String(names[platform]));
    const lines = await gate.accessLines(good.length);
    assert.deepEqual(
      lines.map((line) => line['consumer']),
      good.map(([platform, { sub }]) => `${names[platform]}|${String(sub)}`),
    );
    // For the cluster itself, of one platform in the name of another, and of nobody's.
    assert.equal(await ask(token(0, { ...account, aud: ['https://kubernetes.default.svc'] })), 401);
    assert.equal(await ask(token(1, { ...account, iss: origin })), 401);
    assert.equal(await ask(new TestIssuer().token({ iss: origin, ...account })), 401);
    // Somebody else's project, with a token that was asked for this very audience.
    assert.equal(await ask(token(3, { sub: '999' })), 401);
    for (const sub of [
      'repo:evil/shop:ref:refs/heads/main',
      'repo:acme/shopping:x',
      'repo:acme/shop',
      'x repo:acme/shop:y',
    ])
      assert.equal(await ask(token(4, { sub })), 401, sub);
    assert.deepEqual(withoutCredential, []);
  },
);
