// A gRPC client on the Workload API over a Unix socket: SVIDs, bundles, tokens, and what is pushed when something changes.
import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  type Client,
  credentials,
  loadPackageDefinition,
  Metadata,
  type ServiceClientConstructor,
  status,
} from '@grpc/grpc-js';
import { load } from '@grpc/proto-loader';
import { createRoot, installRoot, ServiceSource, type TrustBundle } from '../../src/identity/index.ts';
import { parseCertificate } from '../../src/net/tls/index.ts';
import { WorkloadSocket } from '../../src/workload/index.ts';
import { startTestAuthority, type TestAuthority } from '../support/service-ca.ts';
import { until } from '../support/until.ts';

/** As the specification publishes it. */
const proto = `syntax = "proto3";
import "google/protobuf/struct.proto";
service SpiffeWorkloadAPI {
  rpc FetchX509SVID(X509SVIDRequest) returns (stream X509SVIDResponse);
  rpc FetchX509Bundles(X509BundlesRequest) returns (stream X509BundlesResponse);
  rpc FetchJWTSVID(JWTSVIDRequest) returns (JWTSVIDResponse);
  rpc FetchJWTBundles(JWTBundlesRequest) returns (stream JWTBundlesResponse);
  rpc ValidateJWTSVID(ValidateJWTSVIDRequest) returns (ValidateJWTSVIDResponse);
}
message X509SVIDRequest {}
message X509SVIDResponse { repeated X509SVID svids = 1; repeated bytes crl = 2; map<string, bytes> federated_bundles = 3; }
message X509SVID { string spiffe_id = 1; bytes x509_svid = 2; bytes x509_svid_key = 3; bytes bundle = 4; string hint = 5; }
message X509BundlesRequest {}
message X509BundlesResponse { repeated bytes crl = 1; map<string, bytes> bundles = 2; }
message JWTSVIDRequest { repeated string audience = 1; string spiffe_id = 2; }
message JWTSVIDResponse { repeated JWTSVID svids = 1; }
message JWTSVID { string spiffe_id = 1; string svid = 2; string hint = 3; }
message JWTBundlesRequest {}
message JWTBundlesResponse { map<string, bytes> bundles = 1; }
message ValidateJWTSVIDRequest { string audience = 1; string svid = 2; }
message ValidateJWTSVIDResponse { string spiffe_id = 1; google.protobuf.Struct claims = 2; }
`;

interface X509Message {
  svids: { spiffe_id: string; x509_svid: Buffer; x509_svid_key: Buffer; bundle: Buffer }[];
  federated_bundles: Record<string, Buffer>;
}
type Answer<T> = (error: { code: number; details: string } | null, message: T) => void;
type Call = NodeJS.ReadableStream & { cancel(): void };
interface WorkloadClient extends Client {
  FetchX509SVID(request: object, metadata: Metadata): Call;
  FetchX509Bundles(request: object, metadata: Metadata): Call;
  FetchJWTBundles(request: object, metadata: Metadata): Call;
  FetchJWTSVID(
    request: object,
    metadata: Metadata,
    answer: Answer<{ svids: { spiffe_id: string; svid: string }[] }>,
  ): void;
  ValidateJWTSVID(
    request: object,
    metadata: Metadata,
    answer: Answer<{ spiffe_id: string; claims: object }>,
  ): void;
}

const secured = new Metadata();
secured.set('workload.spiffe.io', 'true');

async function clientOf(t: TestContext, folder: string, path: string): Promise<WorkloadClient> {
  const file = join(folder, 'workload.proto');
  writeFileSync(file, proto);
  const loaded = loadPackageDefinition(await load(file, { keepCase: true, defaults: true }));
  const client = new (loaded['SpiffeWorkloadAPI'] as ServiceClientConstructor)(
    `unix:${path}`,
    credentials.createInsecure(),
  );
  t.after(() => client.close());
  return client as unknown as WorkloadClient;
}

interface Running extends TestAuthority {
  readonly source: ServiceSource;
  readonly path: string;
  readonly client: WorkloadClient;
  /** What the gate does when the state has changed. */
  refresh(): Promise<void>;
}

async function start(
  t: TestContext,
  options: Parameters<typeof startTestAuthority>[2] & { federated?: () => readonly TrustBundle[] } = {},
): Promise<Running> {
  const running = await startTestAuthority(t, ['shop/cart', 'other'], options);
  const { authority, folder } = running;
  const source = new ServiceSource({
    authority,
    service: 'shop/cart',
    clock: options.clock ?? { epochMs: Date.now, monotonicMs: () => performance.now() },
    federated: options.federated ?? (() => []),
    onProblem: () => {},
  });
  await source.check();
  const path = join(folder, 'cart.sock');
  const socket = new WorkloadSocket({ path, service: 'shop/cart', mode: 0o660, group: null }, source);
  await socket.start();
  t.after(async () => {
    source.stop();
    await socket.stop();
  });
  const client = await clientOf(t, folder, path);
  const refresh = async (): Promise<void> => {
    const changed = await authority.load();
    await source.check();
    if (changed) source.changed();
  };
  return { ...running, source, path, client, refresh };
}

/** Messages of a stream as they come, and its end. */
function collect<T>(t: TestContext, call: Call): { messages: T[]; ended: () => number | null } {
  const messages: T[] = [];
  let code: number | null = null;
  call.on('data', (message: T) => void messages.push(message));
  call.on('error', (error: unknown) => {
    code = (error as { code: number }).code;
  });
  t.after(() => call.cancel());
  return { messages, ended: () => code };
}

test('a client gets its SVID and is pushed the renewal, with new keys and the same name', async (t) => {
  let nowMs = Date.now();
  const clock = { epochMs: () => nowMs, monotonicMs: () => nowMs };
  const { client, refresh, path, authority } = await start(t, { clock });
  assert.equal(statSync(path).mode & 0o777, 0o660);
  const { messages } = collect<X509Message>(t, client.FetchX509SVID({}, secured));
  await until(() => messages.length === 1, 'the first SVID');
  const [first] = messages[0]!.svids;
  assert.equal(first!.spiffe_id, 'spiffe://prod.example/shop/cart');
  const leaf = new X509Certificate(first!.x509_svid);
  const key = createPrivateKey({ key: first!.x509_svid_key, format: 'der', type: 'pkcs8' });
  assert.ok(leaf.checkPrivateKey(key));
  assert.deepEqual(parseCertificate(leaf.raw).names.uris, ['spiffe://prod.example/shop/cart']);
  // The chain ends below the bundle's root.
  const issuing = new X509Certificate(first!.x509_svid.subarray(leaf.raw.length));
  assert.ok(leaf.verify(issuing.publicKey));
  assert.ok(issuing.verify(new X509Certificate(first!.bundle).publicKey));

  await refresh();
  assert.equal(messages.length, 1, 'nothing new, nothing sent');
  nowMs += authority.config.x509LifeMs / 2;
  await refresh();
  await until(() => messages.length === 2, 'the renewal');
  const renewed = messages[1]!.svids[0]!;
  assert.equal(renewed.spiffe_id, first!.spiffe_id);
  assert.notDeepEqual(renewed.x509_svid_key, first!.x509_svid_key);
  assert.notEqual(new X509Certificate(renewed.x509_svid).serialNumber, leaf.serialNumber);
});

test('tokens are issued for the own service alone, and validated', async (t) => {
  const { client } = await start(t);
  const fetch = (request: object) =>
    new Promise<{ code: number; token: string }>((resolve) =>
      client.FetchJWTSVID(request, secured, (error, message) =>
        resolve({ code: error?.code ?? 0, token: error === null ? message.svids[0]!.svid : '' }),
      ),
    );
  const validate = (audience: string, svid: string) =>
    new Promise<string>((resolve) =>
      client.ValidateJWTSVID({ audience, svid }, secured, (error, message) =>
        resolve(error === null ? message.spiffe_id : `${error.code} ${error.details}`),
      ),
    );
  const { token } = await fetch({ audience: ['orders'] });
  assert.equal(await validate('orders', token), 'spiffe://prod.example/shop/cart');
  assert.match(await validate('billing', token), /^3 .*audience/);
  assert.match(await validate('orders', `${token}x`), /^3 .*(signature|malformed)/);
  assert.equal((await fetch({ audience: ['orders'], spiffe_id: 'spiffe://prod.example/shop/cart' })).code, 0);
  assert.equal(
    (await fetch({ audience: ['orders'], spiffe_id: 'spiffe://prod.example/other' })).code,
    status.PERMISSION_DENIED,
  );
  assert.equal((await fetch({ audience: [] })).code, status.INVALID_ARGUMENT);
  assert.equal((await fetch({ audience: ['x'.repeat(2000)] })).code, status.INVALID_ARGUMENT);
});

test('bundles of the own and of federated trust domains, anew when a root comes', async (t) => {
  const partner = await startTestAuthority(t, [], { config: { trustDomain: 'partner.example' } });
  const running = await start(t, { federated: () => [partner.authority.bundle] });
  const x509 = collect<{ bundles: Record<string, Buffer> }>(t, running.client.FetchX509Bundles({}, secured));
  const jwt = collect<{ bundles: Record<string, Buffer> }>(t, running.client.FetchJWTBundles({}, secured));
  await until(() => x509.messages.length === 1 && jwt.messages.length === 1, 'the bundles');
  const ids = ['spiffe://partner.example', 'spiffe://prod.example'];
  assert.deepEqual(Object.keys(x509.messages[0]!.bundles).toSorted(), ids);
  const keys = JSON.parse(jwt.messages[0]!.bundles['spiffe://prod.example']!.toString()) as {
    keys: { kid: string }[];
  };
  assert.match(keys.keys[0]!.kid, /^jwt-svid-/);
  const before = x509.messages[0]!.bundles['spiffe://prod.example']!.length;
  const next = await createRoot('prod.example', Date.now());
  const clock = { epochMs: Date.now, monotonicMs: () => performance.now() };
  await installRoot(running.state.services, next, false, { keepRootKey: false }, clock);
  await running.refresh();
  await until(() => x509.messages.length === 2, 'the new root');
  assert.ok(x509.messages[1]!.bundles['spiffe://prod.example']!.length > before);
});

test('without the security header nothing is answered', async (t) => {
  const { client } = await start(t);
  for (const value of [[], ['false'], ['true', 'true']]) {
    const metadata = new Metadata();
    for (const text of value) metadata.add('workload.spiffe.io', text);
    const { ended } = collect(t, client.FetchX509SVID({}, metadata));
    await until(() => ended() !== null, 'the refusal');
    assert.equal(ended(), status.INVALID_ARGUMENT, value.join());
    await new Promise<void>((resolve) =>
      client.FetchJWTSVID({ audience: ['a'] }, metadata, (error) => {
        assert.equal(error?.code, status.INVALID_ARGUMENT);
        resolve();
      }),
    );
  }
});

test('a withdrawn SVID is replaced at once, a disabled service loses everything', async (t) => {
  const running = await start(t);
  const { messages, ended } = collect<X509Message>(t, running.client.FetchX509SVID({}, secured));
  await until(() => messages.length === 1, 'the first SVID');
  await running.authority.revoke(running.source.svid!.serial);
  await running.refresh();
  await until(() => messages.length === 2, 'another SVID');
  await running.registry.disable('service', 'shop/cart', 1000);
  await running.refresh();
  await until(() => ended() !== null, 'the end');
  assert.equal(ended(), status.PERMISSION_DENIED);
  const again = collect(t, running.client.FetchX509SVID({}, secured));
  await until(() => again.ended() !== null, 'the refusal');
  assert.equal(again.ended(), status.PERMISSION_DENIED);
  await new Promise<void>((resolve) =>
    running.client.FetchJWTSVID({ audience: ['a'] }, secured, (error) => {
      assert.equal(error?.code, status.PERMISSION_DENIED);
      resolve();
    }),
  );
});

test('a socket takes the place of one that was left, and of nothing else', async (t) => {
  const { source, path, folder } = await start(t);
  const config = { path, service: 'shop/cart', mode: 0o600, group: null };
  const second = new WorkloadSocket(config, source);
  await second.start();
  assert.equal(statSync(path).mode & 0o777, 0o600);
  await second.stop();
  assert.equal(existsSync(path), false);
  writeFileSync(path, 'a file');
  await assert.rejects(new WorkloadSocket(config, source).start(), /no socket/);
  mkdirSync(join(folder, 'there'));
  await assert.rejects(
    new WorkloadSocket({ ...config, path: join(folder, 'there') }, source).start(),
    /no socket/,
  );
  await assert.rejects(
    new WorkloadSocket({ ...config, path: join(folder, 'not-there', 's') }, source).start(),
  );
});
