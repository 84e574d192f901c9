// Names in client certificates that are written to be taken for names of another kind.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Authority, hasOpenssl, needsOpenssl } from '../support/authority.ts';
import { openContract, startTestGate } from '../support/gate.ts';
import { exchange, request } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';

const ca = hasOpenssl ? { servers: new Authority('servers'), clients: new Authority('clients') } : null;
after(() => {
  ca?.servers.remove();
  ca?.clients.remove();
});

test(
  'SAN/URI confusion: a name counts for its own kind, whole, and in one place',
  needsOpenssl,
  async (t) => {
    const upstream = await startRawUpstream(t);
    const server = ca!.servers.issue({ name: 'api', san: 'DNS:localhost', usage: 'serverAuth' });
    const gate = await startTestGate(t, {
      contract: openContract,
      files: {
        'cert.pem': server.certificate,
        'key.pem': server.key,
        'clients.pem': ca!.clients.certificate,
      },
      config: `listeners:
  public:
    port: 0
    host: 127.0.0.1
    tls: { certificate: ./cert.pem, key: "\${file:./key.pem}", clients: require, trust: [ { file: ./clients.pem, trust-domain: prod.example } ], identity: [ spiffe, dns, uri, email ] }
upstreams: { things: { targets: [ http://127.0.0.1:${upstream.port} ] } }
identity:
  consumers:
    orders: { certificates: [ { dns: orders.internal } ] }
    cart: { certificates: [ { spiffe: spiffe://prod.example/cart } ] }
apis:
  things:
    contract: ./openapi.yaml
    upstream: things
    limits: []
    validate: false
    authenticate: [ { mtls: {} } ]
telemetry: { listen: false, access-log: { to: { file: ./access.log } } }
`,
    });
    const ask = async (san: string | undefined, subject = '/CN=x'): Promise<number> => {
      const issued = ca!.clients.issue({
        name: 'x',
        subject,
        usage: 'clientAuth',
        ...(san === undefined ? {} : { san }),
      });
      const tls = {
        ca: ca!.servers.certificate,
        servername: 'localhost',
        cert: issued.certificate,
        key: issued.key,
      };
      return (await exchange(gate.port, request('GET', '/things'), 'GET', { tls })).status;
    };
    assert.equal(await ask('DNS:orders.internal'), 200);
    assert.equal(await ask('URI:spiffe://prod.example/cart'), 200);
    for (const [what, san, subject] of [
      ['a common name', undefined, '/CN=orders.internal'],
      ['a URI that reads like a host', 'URI:orders.internal', undefined],
      ['a URI that reads like a kind', 'URI:dns:orders.internal', undefined],
      ['an address of mail', 'email:orders@orders.internal', undefined],
      ['a wildcard', 'DNS:*.internal', undefined],
      ['a part of a name', 'DNS:orders.internal.evil.example', undefined],
      ['a host in front', 'DNS:x.orders.internal', undefined],
      ['an id in a host name', 'DNS:spiffe://prod.example/cart', undefined],
      ['an id as common name', undefined, '/CN=spiffe:\\/\\/prod.example\\/cart'],
      ['two ids', 'URI:spiffe://prod.example/cart,URI:spiffe://prod.example/orders', undefined],
      ['an id and another URI', 'URI:spiffe://prod.example/cart,URI:https://prod.example/', undefined],
      ['an id in capitals', 'URI:SPIFFE://prod.example/cart', undefined],
      ['a domain in capitals', 'URI:spiffe://PROD.example/cart', undefined],
      ['a path that climbs', 'URI:spiffe://prod.example/x/../cart', undefined],
      ['an encoded path', 'URI:spiffe://prod.example/c%61rt', undefined],
      ['a slash behind', 'URI:spiffe://prod.example/cart/', undefined],
      ['a query', 'URI:spiffe://prod.example/cart?x', undefined],
      ['another domain', 'URI:spiffe://prod.example.evil.example/cart', undefined],
      ['a domain with a user', 'URI:spiffe://prod.example@evil.example/cart', undefined],
      // Of two callers nobody knows which one it is.
      ['both at once', 'DNS:orders.internal,URI:spiffe://prod.example/cart', undefined],
    ] as const)
      assert.equal(await ask(san, subject), 401, what);
  },
);
