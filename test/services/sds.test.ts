// Envoy's secret discovery, spoken by a client that was made from Envoy's own protobuf definitions.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { credentials, loadPackageDefinition, type ServiceClientConstructor, status } from '@grpc/grpc-js';
import { load, type MessageTypeDefinition, type PackageDefinition } from '@grpc/proto-loader';
import { ServiceSource } from '../../src/identity/index.ts';
import { WorkloadSocket } from '../../src/workload/index.ts';
import { startTestAuthority } from '../support/service-ca.ts';
import { until } from '../support/until.ts';

const deps = join(dirname(createRequire(import.meta.url).resolve('@grpc/grpc-js-xds/package.json')), 'deps');
const definition: PackageDefinition = await load(
  [
    'envoy/service/secret/v3/sds.proto',
    'envoy/extensions/transport_sockets/tls/v3/secret.proto',
    'envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config.proto',
  ],
  {
    keepCase: true,
    oneofs: true,
    includeDirs: ['envoy-api', 'xds', 'googleapis', 'protoc-gen-validate'].map((name) => join(deps, name)),
  },
);
const TYPE = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';
const TLS = 'envoy.extensions.transport_sockets.tls.v3';

interface Any {
  type_url: string;
  value: Buffer;
}
interface Secret {
  name: string;
  type: string;
  tls_certificate?: { certificate_chain: { inline_bytes: Buffer }; private_key: { inline_bytes: Buffer } };
  validation_context?: {
    trusted_ca?: { inline_bytes: Buffer };
    custom_validator_config?: { name: string; typed_config: Any };
  };
}
interface Response {
  version_info: string;
  resources: Any[];
  type_url: string;
  nonce: string;
}
interface DeltaResponse {
  resources: { name: string; version: string; resource: Any }[];
  removed_resources: string[];
  nonce: string;
}
type Stream = NodeJS.ReadWriteStream & { write(message: object): boolean; cancel(): void; end(): void };
interface SdsClient {
  StreamSecrets(): Stream;
  DeltaSecrets(): Stream;
  FetchSecrets(request: object, answer: (error: { code: number } | null, message: Response) => void): void;
  close(): void;
}

const decode = <T>(name: string, any: Any): T => {
  assert.equal(any.type_url, `type.googleapis.com/${name}`);
  return (definition[name] as unknown as MessageTypeDefinition<T, T>).deserialize(any.value);
};
const secretOf = (any: Any): Secret => decode<Secret>(`${TLS}.Secret`, any);

async function start(t: TestContext) {
  const running = await startTestAuthority(t, ['cart']);
  const partner = await startTestAuthority(t, [], { config: { trustDomain: 'partner.example' } });
  const nacks: string[] = [];
  const clock = { epochMs: Date.now, monotonicMs: () => performance.now() };
  const source = new ServiceSource({
    authority: running.authority,
    service: 'cart',
    clock,
    federated: () => [partner.authority.bundle],
    onProblem: () => {},
  });
  await source.check();
  const path = join(running.folder, 'cart.sock');
  const socket = new WorkloadSocket(
    { path, service: 'cart', mode: 0o600, group: null },
    source,
    (names, message) => nacks.push(`${names.join()}: ${message}`),
  );
  await socket.start();
  const api = loadPackageDefinition(definition) as unknown as {
    envoy: { service: { secret: { v3: { SecretDiscoveryService: ServiceClientConstructor } } } };
  };
  const client = new api.envoy.service.secret.v3.SecretDiscoveryService(
    `unix:${path}`,
    credentials.createInsecure(),
  );
  t.after(async () => {
    client.close();
    source.stop();
    await socket.stop();
  });
  /** The SVID is withdrawn, and the gate looks at the state. */
  const renew = async (): Promise<void> => {
    await running.authority.revoke(source.svid!.serial);
    await source.check();
  };
  return { ...running, partner, source, nacks, renew, client: client as unknown as SdsClient };
}

function follow<T>(t: TestContext, stream: Stream): { messages: T[]; code: () => number | null } {
  const messages: T[] = [];
  let code: number | null = null;
  stream.on('data', (message: T) => void messages.push(message));
  stream.on('error', (error: unknown) => {
    code = (error as { code: number }).code;
  });
  t.after(() => stream.cancel());
  return { messages, code: () => code };
}

test('StreamSecrets: certificate and trust, ACK, the renewal, NACK', async (t) => {
  const { client, source, renew, nacks, authority } = await start(t);
  const stream = client.StreamSecrets();
  const { messages } = follow<Response>(t, stream);
  const names = ['default', 'spiffe://prod.example'];
  stream.write({ node: { id: 'envoy-1', cluster: 'cart' }, resource_names: names, type_url: TYPE });
  await until(() => messages.length === 1, 'the secrets');
  const [first] = messages;
  assert.equal(first!.type_url, TYPE);
  const [certificate, trust] = first!.resources.map(secretOf);
  assert.deepEqual([certificate!.name, trust!.name], names);
  assert.equal(certificate!.type, 'tls_certificate');
  assert.equal(certificate!.tls_certificate!.certificate_chain.inline_bytes.toString(), source.svid!.chain);
  assert.equal(certificate!.tls_certificate!.private_key.inline_bytes.toString(), source.svid!.key);
  assert.equal(trust!.validation_context!.trusted_ca!.inline_bytes.toString(), authority.rootsPem);

  stream.write({
    version_info: first!.version_info,
    response_nonce: first!.nonce,
    resource_names: names,
    type_url: TYPE,
  });
  await renew();
  await until(() => messages.length === 2, 'the renewal');
  const second = messages[1]!;
  assert.notEqual(second.version_info, first!.version_info);
  assert.equal(
    secretOf(second.resources[0]!).tls_certificate!.certificate_chain.inline_bytes.toString(),
    source.svid!.chain,
  );

  // Refused: Envoy names the version it still has. It is not sent again; the next one is.
  stream.write({
    version_info: first!.version_info,
    response_nonce: second.nonce,
    resource_names: names,
    type_url: TYPE,
    error_detail: { code: 13, message: 'no thanks' },
  });
  await until(() => nacks.length === 1, 'the NACK');
  assert.deepEqual(nacks, ['default,spiffe://prod.example: no thanks']);
  source.changed();
  await renew();
  await until(() => messages.length === 3, 'another version');
  // An answer to an old nonce changes nothing; other names do.
  stream.write({ response_nonce: first!.nonce, resource_names: ['ROOTCA'], type_url: TYPE });
  stream.write({
    version_info: messages[2]!.version_info,
    response_nonce: messages[2]!.nonce,
    resource_names: ['ROOTCA', 'nobody'],
    type_url: TYPE,
  });
  await until(() => messages.length === 4, 'the other name');
  assert.deepEqual(
    messages[3]!.resources.map(secretOf).map(({ name }) => name),
    ['ROOTCA'],
  );
});

test('each trust domain is told with its authorities and no others', async (t) => {
  const { client, partner, authority } = await start(t);
  const ask = (names: readonly string[]) =>
    new Promise<{ code: number; secrets: Secret[] }>((resolve) =>
      client.FetchSecrets({ resource_names: names, type_url: TYPE }, (error, message) =>
        resolve({ code: error?.code ?? 0, secrets: error === null ? message.resources.map(secretOf) : [] }),
      ),
    );
  const [foreign] = (await ask(['spiffe://partner.example'])).secrets;
  assert.equal(foreign!.validation_context!.trusted_ca!.inline_bytes.toString(), partner.authority.rootsPem);
  const [all] = (await ask(['ALL'])).secrets;
  const custom = all!.validation_context!.custom_validator_config!;
  assert.equal(custom.name, 'envoy.tls.cert_validator.spiffe');
  const { trust_domains: domains } = decode<{
    trust_domains: { name: string; trust_bundle: { inline_bytes: Buffer } }[];
  }>(`${TLS}.SPIFFECertValidatorConfig`, custom.typed_config);
  assert.deepEqual(
    domains.map(({ name, trust_bundle }) => [name, trust_bundle.inline_bytes.toString()]),
    [
      ['prod.example', authority.rootsPem],
      ['partner.example', partner.authority.rootsPem],
    ],
  );
  assert.ok(new X509Certificate(domains[0]!.trust_bundle.inline_bytes).ca);
  assert.equal((await ask(['spiffe://prod.example/other'])).code, status.NOT_FOUND);
  assert.equal((await ask(['spiffe://unknown.example'])).code, status.NOT_FOUND);
});

test('DeltaSecrets: only what changes is sent, what goes is said', async (t) => {
  const { client, renew, source, registry } = await start(t);
  const stream = client.DeltaSecrets();
  const { messages } = follow<DeltaResponse>(t, stream);
  stream.write({ type_url: TYPE, resource_names_subscribe: ['default', 'ROOTCA'] });
  await until(() => messages.length === 1, 'the secrets');
  assert.deepEqual(
    messages[0]!.resources.map(({ name }) => name),
    ['default', 'ROOTCA'],
  );
  stream.write({ type_url: TYPE, response_nonce: messages[0]!.nonce });
  await renew();
  await until(() => messages.length === 2, 'the renewal');
  assert.deepEqual(
    messages[1]!.resources.map(({ name }) => name),
    ['default'],
  );
  const sent = secretOf(messages[1]!.resources[0]!.resource);
  assert.equal(sent.tls_certificate!.certificate_chain.inline_bytes.toString(), source.svid!.chain);

  // One that has the newest version already is sent nothing of it.
  const again = client.DeltaSecrets();
  const second = follow<DeltaResponse>(t, again);
  again.write({
    type_url: TYPE,
    resource_names_subscribe: ['default', 'ROOTCA'],
    initial_resource_versions: { ROOTCA: messages[0]!.resources[1]!.version },
  });
  await until(() => second.messages.length === 1, 'the rest');
  assert.deepEqual(
    second.messages[0]!.resources.map(({ name }) => name),
    ['default'],
  );

  stream.write({ type_url: TYPE, resource_names_unsubscribe: ['ROOTCA'] });
  await registry.disable('service', 'cart', 1000);
  await source.check();
  await until(() => messages.length === 3, 'the end of the certificate');
  assert.deepEqual(messages[2]!.removed_resources, ['default']);
});

test('other types and floods of names are refused', async (t) => {
  const { client } = await start(t);
  const wrong = client.StreamSecrets();
  const first = follow(t, wrong);
  wrong.write({ type_url: 'type.googleapis.com/envoy.config.cluster.v3.Cluster', resource_names: ['x'] });
  await until(() => first.code() !== null, 'the refusal');
  assert.equal(first.code(), status.INVALID_ARGUMENT);
  const flood = client.DeltaSecrets();
  const second = follow(t, flood);
  flood.write({ type_url: TYPE, resource_names_subscribe: Array.from({ length: 101 }, (_, i) => `n${i}`) });
  await until(() => second.code() !== null, 'the refusal');
  assert.equal(second.code(), status.INVALID_ARGUMENT);
});
