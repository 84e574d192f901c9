// Configurations of everything that takes part in a comparison, written into a temporary folder: the upstream (nginx),
// the peers (nginx, HAProxy) and the gate.
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compileJwk, signJwt } from '../src/jose/index.ts';

/** What is spoken to what is measured: HTTP/1.1 in clear text, HTTP/1.1 over TLS, HTTP/2 over TLS. */
export type Transport = 'plain' | 'tls' | 'h2';

export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

export const ports = {
  upstream: 28_080,
  nginx: 28_081,
  haproxy: 28_082,
  gate: 28_083,
  telemetry: 28_084,
  modsecurity: 28_085,
};

/** The answer of the upstream: 304 bytes of JSON. */
const body = JSON.stringify({
  id: 'ord_000042',
  item: 'x'.repeat(304 - JSON.stringify({ id: 'ord_000042', item: '' }).length),
});

export const nginxBase = (folder: string, name: string): string => `
daemon off;
worker_processes 1;
error_log ${folder}/${name}.error.log crit;
pid ${folder}/${name}.pid;
events { worker_connections 4096; }
`;

export const nginxTemporary = (folder: string, name: string): string =>
  ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `  ${kind}_temp_path ${folder}/${name}.${kind};`)
    .join('\n');

export function writeUpstream(folder: string): string {
  const file = join(folder, 'upstream.conf');
  writeFileSync(
    file,
    `${nginxBase(folder, 'upstream')}
http {
${nginxTemporary(folder, 'upstream')}
  access_log off;
  keepalive_requests 100000000;
  keepalive_timeout 600s;
  server {
    listen 127.0.0.1:${ports.upstream} backlog=4096;
    location / { default_type application/json; return 200 '${body}'; }
  }
}
`,
  );
  return file;
}

/** Writes one certificate for all. */
export function writeCertificate(folder: string, pem: Certificate): void {
  writeFileSync(join(folder, 'bench.crt'), pem.certificate);
  writeFileSync(join(folder, 'bench.key'), pem.key, { mode: 0o600 });
  writeFileSync(join(folder, 'bench.pem'), `${pem.certificate}\n${pem.key}`, { mode: 0o600 });
}

export function writeNginx(folder: string, transport: Transport): string {
  const file = join(folder, 'nginx.conf');
  const listen = transport === 'plain' ? '' : transport === 'tls' ? ' ssl' : ' ssl http2';
  const secure =
    transport === 'plain'
      ? ''
      : `ssl_certificate ${folder}/bench.crt; ssl_certificate_key ${folder}/bench.key; ssl_protocols TLSv1.2 TLSv1.3;`;
  writeFileSync(
    file,
    `${nginxBase(folder, 'nginx')}
http {
${nginxTemporary(folder, 'nginx')}
  access_log off;
  keepalive_requests 100000000;
  upstream service { server 127.0.0.1:${ports.upstream}; keepalive 128; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${ports.nginx} backlog=4096${listen};
    ${secure}
    location / { proxy_pass http://service; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}
`,
  );
  return file;
}

export function writeHaproxy(folder: string, transport: Transport): string {
  const file = join(folder, 'haproxy.cfg');
  const alpn = transport === 'h2' ? 'h2,http/1.1' : 'http/1.1';
  const secure = transport === 'plain' ? '' : ` ssl crt ${folder}/bench.pem alpn ${alpn}`;
  writeFileSync(
    file,
    `global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend f
  bind 127.0.0.1:${ports.haproxy}${secure}
  default_backend b
backend b
  server s 127.0.0.1:${ports.upstream} pool-max-conn 256
`,
  );
  return file;
}

const contract = {
  openapi: '3.1.0',
  info: { title: 'Bench', version: '1' },
  components: { securitySchemes: { oauth: { type: 'oauth2', flows: {} } } },
  paths: {
    '/orders/{orderId}': {
      get: {
        operationId: 'getOrder',
        security: [{ oauth: ['orders:read'] }],
        parameters: [
          {
            name: 'orderId',
            in: 'path',
            required: true,
            schema: { type: 'string', pattern: '^ord_[0-9]{6}$' },
          },
          { name: 'expand', in: 'query', schema: { type: 'boolean' } },
        ],
        responses: {},
      },
    },
    '/orders': {
      post: {
        operationId: 'createOrder',
        security: [{ oauth: ['orders:write'] }],
        requestBody: {
          required: true,
          content: {
            'application/json': {
              schema: {
                type: 'object',
                required: ['customer', 'lines'],
                properties: {
                  customer: { type: 'string', maxLength: 40 },
                  note: { type: 'string', maxLength: 400 },
                  lines: {
                    type: 'array',
                    maxItems: 20,
                    items: {
                      type: 'object',
                      required: ['sku', 'quantity'],
                      properties: {
                        sku: { type: 'string', pattern: '^[A-Z]{3}-[0-9]{4}$' },
                        quantity: { type: 'integer', minimum: 1, maximum: 999 },
                      },
                    },
                  },
                },
              },
            },
          },
        },
        responses: {},
      },
    },
  },
};

/** A request body of 290 bytes. */
export const orderBody = (() => {
  const order = {
    customer: 'cus_20211',
    note: '',
    lines: [
      { sku: 'SAI-1042', quantity: 2 },
      { sku: 'ROP-0007', quantity: 14 },
      { sku: 'LMP-3310', quantity: 1 },
    ],
  };
  order.note = 'n'.repeat(290 - JSON.stringify(order).length);
  return JSON.stringify(order);
})();

export interface GateFiles {
  readonly plain: string;
  readonly secured: string;
  readonly token: string;
}

/** Configurations of the gate: `plain` proxies one public path, `secured` has every guard of the request path. */
export function writeGate(folder: string, transport: Transport): GateFiles {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = { ...privateKey.export({ format: 'jwk' }), kid: 'bench', alg: 'ES256', use: 'sig' } as Record<
    string,
    unknown
  >;
  const { d: _private, ...publicJwk } = jwk;
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: 'https://issuer.example',
    aud: 'bench',
    sub: 'client-1',
    scope: 'orders:read orders:write',
    iat: now,
    exp: now + 36_000,
    jti: 'b1',
  };
  writeFileSync(join(folder, 'jwks.json'), JSON.stringify({ keys: [publicJwk] }));
  writeFileSync(join(folder, 'openapi.json'), JSON.stringify(contract));
  writeFileSync(
    join(folder, 'plain.json'),
    JSON.stringify({
      openapi: '3.1.0',
      info: { title: 'Plain', version: '1' },
      paths: { '/orders/ord_000042': { get: { operationId: 'get', responses: {} } } },
    }),
  );
  const secure =
    transport === 'plain'
      ? ''
      : `, http2: ${transport === 'h2'}, tls: { certificate: ./bench.crt, key: "\${file:./bench.key}" }`;
  const common = `
listeners: { public: { port: ${ports.gate}, host: 127.0.0.1${secure} } }
upstreams: { service: { targets: [ http://127.0.0.1:${ports.upstream} ] } }
http: { max-requests: 1000000000 }
workers: 1
`;
  const telemetry = (name: string): string =>
    `telemetry: { listen: { port: ${ports.telemetry} }, access-log: { to: { file: ./${name}.log } } }\n`;
  const plain = join(folder, 'plain.yaml');
  writeFileSync(
    plain,
    `${common}${telemetry('plain')}
apis:
  bench:
    contract: ./plain.json
    upstream: service
    limits: []
    validate: false
    headers: { security: false, hsts: false, remove: [] }
    operations: { get: { public: true, reason: benchmark } }
`,
  );
  const secured = join(folder, 'secured.yaml');
  writeFileSync(
    secured,
    `${common}${telemetry('secured')}
identity: { issuers: { bench: { issuer: https://issuer.example, jwks: { file: ./jwks.json }, algorithms: [ ES256 ] } } }
apis:
  bench:
    contract: ./openapi.json
    upstream: service
    authenticate: [ { jwt: { issuer: bench, audience: bench } } ]
    limits: [ { per: consumer, rate: 900000/s } ]
`,
  );
  return { plain, secured, token: signJwt(claims, compileJwk(jwk), 'ES256') };
}
