// Issuers and ways to authenticate: names are looked up, key sets and authorities read, and what can not work together is
// told.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  type AuthenticationMethod,
  type ForwardConfig,
  type IssuerConfig,
  type SignatureKeyConfig,
  type SignatureMethod,
  type SingleMethod,
  singleMethods,
  type WebhookMethod,
} from '../guards/authenticate/contract.ts';
import { compileSignatureKey, customWebhook, type WebhookScheme, webhookSchemes } from '../httpsig/index.ts';
import { compileKeySet, rfc9068Claims } from '../jose/index.ts';
import { refuseUrl } from '../net/index.ts';
import type { ConfigDocument } from './document.ts';
import type { AuthenticateDocument, IssuerDocument } from './document-identity.ts';
import type { OperationConfig } from './gate-config.ts';
import { fail, failDangling, type ResolveContext } from './resolve.ts';
import type { Path } from './yaml-source.ts';

export function resolveIssuer(name: string, entry: IssuerDocument, context: ResolveContext): IssuerConfig {
  const path = ['identity', 'issuers', name];
  const symmetric = entry.algorithms.filter((algorithm) => algorithm.startsWith('HS')).length;
  if (symmetric > 0 && symmetric < entry.algorithms.length) {
    fail(
      context,
      'config-algorithms',
      [...path, 'algorithms'],
      'Symmetric and asymmetric algorithms are mixed.',
      'An issuer signs with secrets it shares (HS*) or with private keys, not with both.',
    );
  }
  for (const [url, at] of [
    [entry.discover, ['discover']],
    [entry.introspect?.url, ['introspect', 'url']],
    [entry.jwks !== undefined && 'url' in entry.jwks ? entry.jwks.url : undefined, ['jwks', 'url']],
  ] as const) {
    const refused = url === undefined ? null : refuseUrl(url, 'anywhere');
    if (refused !== null)
      fail(context, 'config-key-set', [...path, ...at], `It would not be fetched: ${refused}.`, 'Use https.');
  }
  const { fetch, introspect } = entry;
  const isStrict = entry.profile === 'rfc9068';
  return {
    name,
    issuer: entry.discover ?? entry.issuer ?? '',
    keys: resolveKeys(entry, path, context),
    introspection:
      introspect === undefined
        ? null
        : {
            url: introspect.url ?? '',
            clientId: introspect['client-id'],
            clientSecret: introspect['client-secret'],
            cacheMs: introspect.cache,
            negativeCacheMs: introspect['negative-cache'],
          },
    fetch: {
      ca: fetch.ca === '' ? '' : readAuthorities(fetch.ca, [...path, 'fetch', 'ca'], context),
      bearerFile: fetch['bearer-file'] === '' ? '' : resolve(context.folder, fetch['bearer-file']),
      mayBePrivate: fetch.private,
    },
    algorithms: entry.algorithms,
    types: isStrict ? ['at+jwt'] : entry.types,
    requiredClaims: isStrict ? rfc9068Claims : [],
    clockSkewMs: entry['clock-skew'],
    refreshMs: entry.refresh,
    refetchMinMs: entry['refetch-after'],
    maxStaleMs: entry['max-stale'],
  };
}

function resolveKeys(entry: IssuerDocument, path: Path, context: ResolveContext): IssuerConfig['keys'] {
  const { jwks } = entry;
  if (jwks === undefined) return { kind: entry.discover === undefined ? 'none' : 'discover' };
  if ('url' in jwks) return { kind: 'url', url: jwks.url };
  const file = resolve(context.folder, jwks.file);
  context.files.push(file);
  try {
    compileKeySet(readFileSync(file, 'utf8'));
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
    fail(
      context,
      'config-key-set',
      [...path, 'jwks'],
      `The key set ${jwks.file} can not be used (${reason}).`,
    );
  }
  return { kind: 'file', path: file };
}

function readAuthorities(name: string, path: Path, context: ResolveContext): string {
  const file = resolve(context.folder, name);
  context.files.push(file);
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    fail(
      context,
      'config-file-unreadable',
      path,
      `The authorities ${name} can not be read (${(error as NodeJS.ErrnoException).code}).`,
      'Paths are relative to the configuration file.',
    );
    return '';
  }
}

/** A token that outlives its key's publication could not be verified: an hour more than its life is kept. */
const KEEP_MS = 3_600_000;

export function resolveForward(document: ConfigDocument, context: ResolveContext): ForwardConfig | null {
  const { forward } = document.identity;
  if (forward === undefined) return null;
  const path = ['identity', 'forward'];
  if (document.state === undefined)
    fail(
      context,
      'config-state-missing',
      path,
      'The keys of the gate have no place to be kept.',
      'Add "state: { sqlite: ./state.db }".',
    );
  else if ('postgres' in document.state && document.state.seal === undefined)
    fail(
      context,
      'config-state-missing',
      ['state'],
      'The keys of the gate would lie in the database in clear.',
      'Add "seal: ${env:GATEWRIGHT_SEAL}", the same on every node.',
    );
  const header = forward.header.toLowerCase();
  if (reservedFields.has(header))
    fail(context, 'config-value', [...path, 'header'], `"${header}" has a meaning of its own.`);
  return {
    header,
    issuer: forward.issuer,
    algorithm: forward.algorithm,
    lifetimeMs: forward.lifetime,
    claims: forward.claims,
    keepAuthorization: forward['keep-authorization'],
    rotateMs: forward.rotate,
    keepMs: forward.lifetime + KEEP_MS,
  };
}

/** Fields that say something else to whoever reads them. */
const reservedFields = new Set([
  'host',
  'cookie',
  'content-length',
  'content-type',
  'transfer-encoding',
  'connection',
  'traceparent',
  'forwarded',
  'dpop',
  'client-cert',
]);

const texts = (value: string | readonly string[] | undefined): readonly string[] =>
  value === undefined ? [] : typeof value === 'string' ? [value] : value;

export function resolveAuthentication(
  list: AuthenticateDocument | undefined,
  path: Path,
  document: ConfigDocument,
  context: ResolveContext,
): AuthenticationMethod[] {
  const single = (
    method: Exclude<AuthenticateDocument[number], { 'all-of': unknown }>,
    at: Path,
  ): SingleMethod => {
    if ('api-key' in method) return { kind: 'api-key', header: method['api-key'].header };
    if ('mtls' in method) return { kind: 'mtls', spiffe: method.mtls.spiffe, scopes: method.mtls.scopes };
    if ('session' in method) {
      const { login } = method.session;
      const known = Object.keys(document.identity.logins);
      if (!known.includes(login)) failDangling(context, [...at, 'session', 'login'], 'login', login, known);
      return { kind: 'session', login };
    }
    if ('signature' in method) return resolveSignature(method.signature);
    if ('webhook' in method) return resolveWebhook(method.webhook, at, context);
    const kind = 'jwt' in method ? 'jwt' : 'introspect';
    const { issuer, audience, bound, subjects } = 'jwt' in method ? method.jwt : method.introspect;
    checkIssuer(kind, issuer, [...at, kind, 'issuer'], document, context);
    return { kind, issuer, audiences: texts(audience), bound, subjects };
  };
  const methods = (list ?? []).map((method, index): AuthenticationMethod => {
    if (!('all-of' in method)) return single(method, [...path, index]);
    const parts = method['all-of'].map((part, at) => single(part, [...path, index, 'all-of', at]));
    if (parts.filter(({ kind }) => kind === 'jwt' || kind === 'introspect').length > 1)
      fail(
        context,
        'config-authenticate',
        [...path, index, 'all-of'],
        'Two tokens are asked for, and a request carries one.',
        'Combine a token with an API key or a client certificate.',
      );
    return { kind: 'all-of', methods: parts };
  });
  const asking = methods.filter(({ kind }) => kind === 'introspect');
  if (asking.length > 1)
    fail(
      context,
      'config-authenticate',
      path,
      'Several issuers would have to be asked about the same token.',
      'An opaque token does not say whose it is: name one issuer with introspect.',
    );
  return methods;
}

function checkIssuer(
  kind: 'jwt' | 'introspect',
  name: string,
  path: Path,
  document: ConfigDocument,
  context: ResolveContext,
): void {
  const { issuers } = document.identity;
  if (!Object.hasOwn(issuers, name)) {
    failDangling(context, path, 'issuer', name, Object.keys(issuers));
    return;
  }
  const issuer = issuers[name]!;
  if (kind === 'introspect' && issuer.introspect === undefined)
    fail(
      context,
      'config-authenticate',
      path,
      `The issuer "${name}" has no introspect.`,
      'Add it there, with the name and secret of the gate.',
    );
  if (kind === 'jwt' && issuer.jwks === undefined && issuer.discover === undefined)
    fail(
      context,
      'config-authenticate',
      path,
      `The issuer "${name}" has no keys.`,
      'Add jwks or discover there.',
    );
}

type SignatureDocument = Extract<AuthenticateDocument[number], { signature: unknown }>['signature'];
type WebhookDocument = Extract<AuthenticateDocument[number], { webhook: unknown }>['webhook'];

const resolveSignature = (entry: SignatureDocument): SignatureMethod => ({
  kind: 'signature',
  cover: entry.cover,
  tag: entry.tag,
  maxAgeMs: entry['max-age'],
  clockSkewMs: entry['clock-skew'],
  refusesReplays: entry.replays === 'refuse',
});

function resolveWebhook(entry: WebhookDocument, path: Path, context: ResolveContext): WebhookMethod {
  const { scheme } = entry;
  const described: WebhookScheme =
    typeof scheme === 'string'
      ? webhookSchemes[scheme]
      : {
          ...customWebhook,
          signatureField: scheme.header.toLowerCase(),
          form: scheme.form,
          signatureName: scheme.name,
          prefix: scheme.prefix,
          encoding: scheme.encoding,
          timeField: scheme['time-header']?.toLowerCase() ?? '',
          timeName: scheme['time-name'],
          idField: scheme['id-header']?.toLowerCase() ?? '',
          signed: scheme.signed,
          hash: scheme.hash,
        };
  const hasTime = described.timeField !== '' || described.timeName !== '';
  if (
    hasTime !== described.signed.includes('{time}') ||
    (described.idField !== '') !== described.signed.includes('{id}')
  )
    fail(
      context,
      'config-authenticate',
      [...path, 'webhook', 'scheme'],
      'What is signed and what is read do not agree.',
      "A time or id that is not signed could be anybody's: name the header and write {time} or {id}, or neither.",
    );
  return {
    kind: 'webhook',
    scheme: described,
    // Standard Webhooks writes its secrets in base64 behind a prefix.
    secrets: entry.secrets.map((secret) =>
      secret.startsWith('whsec_') ? secret.slice(6) : Buffer.from(secret).toString('base64'),
    ),
    caller: entry.caller,
    scopes: entry.scopes,
    toleranceMs: entry.tolerance,
    refusesReplays: entry.replays === 'refuse',
  };
}

/** Keys that consumers sign with; an id belongs to one consumer. */
export function resolveSignatureKeys(
  document: ConfigDocument,
  context: ResolveContext,
): ReadonlyMap<string, readonly SignatureKeyConfig[]> {
  const owners = new Map<string, string>();
  const out = new Map<string, SignatureKeyConfig[]>();
  for (const [name, consumer] of Object.entries(document.identity.consumers)) {
    const keys: SignatureKeyConfig[] = [];
    consumer['signature-keys'].forEach((entry, index) => {
      const path = ['identity', 'consumers', name, 'signature-keys', index];
      const owner = owners.get(entry.id);
      if (owner !== undefined)
        fail(
          context,
          'config-duplicate-key',
          [...path, 'id'],
          `The key "${entry.id}" belongs to "${owner}" already.`,
        );
      owners.set(entry.id, name);
      try {
        let material = entry.secret ?? '';
        if (entry['public-key'] !== undefined) {
          const file = resolve(context.folder, entry['public-key']);
          context.files.push(file);
          material = readFileSync(file, 'utf8');
        }
        compileSignatureKey(entry.algorithm, material);
        keys.push({ id: entry.id, algorithm: entry.algorithm, material });
      } catch (error) {
        const reason = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
        fail(context, 'config-key-set', path, `The key "${entry.id}" can not be used (${reason}).`);
      }
    });
    out.set(name, keys);
  }
  return out;
}

/** Whether one of the methods, alone or with others, is of this kind. */
export const hasMethod = (methods: readonly AuthenticationMethod[], kind: SingleMethod['kind']): boolean =>
  singleMethods(methods).some((method) => method.kind === kind);

/** A gRPC call is never read whole, so a signature over its body could not be verified. */
export function reportUnreadBodies(
  api: string,
  operations: readonly OperationConfig[],
  context: ResolveContext,
): void {
  const calls = operations.filter(
    ({ grpc, authenticate }) =>
      grpc !== null && (hasMethod(authenticate, 'webhook') || hasMethod(authenticate, 'signature')),
  );
  if (calls.length > 0)
    fail(
      context,
      'config-authenticate',
      ['apis', api],
      `Signatures over bodies identify callers of ${calls.map(({ id }) => id).join(', ')}, and gRPC calls are not read whole.`,
      'Use tokens, keys or client certificates there.',
    );
}
