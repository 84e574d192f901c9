// One API: its contract's operations with everything the configuration says about them.
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { ServiceDescription } from '../control/contract.ts';
import type { AuthenticationMethod } from '../guards/authenticate/contract.ts';
import type { ScopeAlternative } from '../guards/authorize/contract.ts';
import { type Contract, localDocuments, parseContract } from '../openapi/document.ts';
import { type ContractOperation, SchemaSet } from '../openapi/index.ts';
import type { ConfigDocument } from './document.ts';
import type { ApiConfig, OperationConfig } from './gate-config.ts';
import { grpcContract } from './grpc-contract.ts';
import { fail, failDangling, type ResolveContext } from './resolve.ts';
import { resolveApiAuthorize, resolveOperationAuthorize } from './resolve-authorize.ts';
import { resolveApiListeners, resolveOperationListeners } from './resolve-exposure.ts';
import { resolveAddresses } from './resolve-geography.ts';
import { resolveGuesses } from './resolve-guesses.ts';
import { reportUnreadBodies, resolveAuthentication } from './resolve-identity.ts';
import { checkExclusions, type RuleSets, resolveInspect } from './resolve-inspect.ts';
import { resolveLimits } from './resolve-limits.ts';
import { checkAnnotated, resolveMask } from './resolve-mask.ts';
import { resolveRetire } from './resolve-retire.ts';
import { contractOfService, controlUpstream, serviceOf } from './resolve-service.ts';
import { checkSchemas, resolveValidate } from './resolve-validate.ts';

type ApiDocument = ConfigDocument['apis'][string];

export function resolveApi(
  name: string,
  entry: ApiDocument,
  document: ConfigDocument,
  ruleSets: RuleSets,
  context: ResolveContext,
): ApiConfig | null {
  const path = ['apis', name];
  const listeners = resolveApiListeners(name, entry, document, context);
  const service = serviceOf(name, entry, document, context);
  if (entry.service !== undefined && service === null) return null;
  const upstream = service === null ? upstreamOf(name, entry, document, context) : controlUpstream;
  const contract = service === null ? contractOf(name, entry, context) : contractOfService(service);
  if (contract === null) return null;
  const ids = contract.operations.map((operation) => operation.id);
  for (const id of Object.keys(entry.operations)) {
    if (!ids.includes(id))
      failDangling(context, [...path, 'operations', id], `operation in ${sourceOf(entry)}`, id, ids);
  }
  const shared = resolveAuthentication(entry.authenticate, [...path, 'authenticate'], document, context);
  const schemas = new SchemaSet(contract.document);
  const operations = contract.operations.map((operation) =>
    resolveOperation(name, entry, operation, {
      contract,
      schemas,
      shared,
      listeners,
      service,
      document,
      ruleSets,
      context,
    }),
  );
  reportOpen(name, operations, context);
  reportUnreadBodies(name, operations, context);
  checkProtocol(name, entry, operations, document, context);
  checkSchemas(contract, operations, sourceOf(entry), context);
  checkAnnotated(name, entry, contract, sourceOf(entry), context);
  const inspected = Object.entries(entry.operations).map(([id, { inspect }]) => ({ id, own: inspect }));
  checkExclusions(name, entry.inspect, ids, inspected, ruleSets, context);
  const { headers, cors } = entry;
  return {
    name,
    hosts: entry.hosts.map((host) => host.toLowerCase()),
    base: entry.base,
    listeners,
    upstream,
    service: service?.name ?? null,
    // Services know their own paths; where they are mounted the gate tells them.
    stripBase: service !== null || entry['strip-base'],
    admit: resolveAddresses(name, entry.addresses, document, context),
    harden: {
      securityFields: headers.security,
      hstsSeconds: headers.hsts === false ? 0 : Math.floor(headers.hsts / 1000),
      removeFields: headers.remove,
      cors:
        cors === undefined
          ? null
          : {
              origins: cors.origins,
              methods: cors.methods,
              requestFields: cors.headers,
              exposeFields: cors.expose,
              credentials: cors.credentials,
              maxAgeSeconds: Math.floor(cors['max-age'] / 1000),
            },
    },
    authorize: resolveApiAuthorize(name, entry, contract.operations, context),
    operations,
    contractDocument: contract.document,
    contractVersion: contract.version,
  };
}

const sourceOf = (entry: ApiDocument): string =>
  entry.contract ?? (entry.service === undefined ? 'the gRPC services' : `the service "${entry.service}"`);

function upstreamOf(
  name: string,
  { upstream }: ApiDocument,
  document: ConfigDocument,
  context: ResolveContext,
): string {
  const path = ['apis', name];
  const known = Object.keys(document.upstreams);
  if (upstream === undefined)
    fail(
      context,
      'config-dangling-name',
      path,
      `Nothing answers for "${name}".`,
      'Add "upstream:" with a name under upstreams, or "service:" for one of the gate\'s own.',
    );
  else if (!Object.hasOwn(document.upstreams, upstream))
    failDangling(context, [...path, 'upstream'], 'upstream', upstream, known);
  return upstream ?? '';
}

function contractOf(name: string, entry: ApiDocument, context: ResolveContext): Contract | null {
  if (entry.contract !== undefined && entry.grpc === undefined) {
    return readContract(name, entry.contract, context);
  }
  if (entry.grpc !== undefined && entry.contract === undefined) return grpcContract(entry.grpc);
  fail(
    context,
    'config-contract',
    ['apis', name],
    `"${name}" has ${entry.grpc === undefined ? 'neither "contract" nor "grpc"' : 'both "contract" and "grpc"'}.`,
    'Add "contract: ./openapi.yaml", or "grpc:" with its services.',
  );
  return null;
}

function readContract(name: string, source: string, context: ResolveContext): Contract | null {
  const path = ['apis', name, 'contract'];
  const file = resolve(context.folder, source);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    fail(
      context,
      'config-file-unreadable',
      path,
      `The contract ${source} can not be read (${(error as NodeJS.ErrnoException).code}).`,
      'Paths are relative to the configuration file.',
    );
    return null;
  }
  context.files.push(file);
  const others = localDocuments([dirname(file), context.folder], (other) => void context.files.push(other));
  return parseContract(text, source, context.diagnostics, { path: file, others });
}

function resolveOperation(
  api: string,
  entry: ApiDocument,
  operation: ContractOperation,
  within: {
    readonly contract: Contract;
    readonly schemas: SchemaSet;
    readonly shared: readonly AuthenticationMethod[];
    readonly listeners: readonly string[];
    readonly service: ServiceDescription | null;
    readonly document: ConfigDocument;
    readonly ruleSets: RuleSets;
    readonly context: ResolveContext;
  },
): OperationConfig {
  const { contract, schemas, shared, listeners, service, document, ruleSets, context } = within;
  const own = Object.hasOwn(entry.operations, operation.id) ? entry.operations[operation.id] : undefined;
  const path = ['apis', api, 'operations', operation.id];
  const publicReason = publicReasonOf(own, entry, operation.id, service);
  const isPublic = publicReason !== null;
  if (isPublic && own?.authenticate !== undefined) {
    fail(
      context,
      'config-public-authenticates',
      path,
      `"${operation.id}" is public and asks for authentication.`,
      'Remove one of the two.',
    );
  }
  const exposure = own?.exposure ?? entry.exposure;
  if (entry.grpc !== undefined && own?.guesses !== undefined)
    fail(
      context,
      'config-value',
      [...path, 'guesses'],
      `"${operation.id}" is a gRPC call, whose body is not read.`,
      'Remove "guesses".',
    );
  return {
    id: operation.id,
    method: operation.method,
    template: entry.base + operation.template,
    listeners: resolveOperationListeners(
      // A service that asks for credentials itself is not open to everybody.
      { id: operation.id, exposure, isOpen: isPublic && own?.public === true },
      api,
      listeners,
      document,
      context,
    ),
    exposure,
    publicReason,
    authenticate: isPublic
      ? []
      : own?.authenticate === undefined
        ? shared
        : resolveAuthentication(own.authenticate, [...path, 'authenticate'], document, context),
    scopes: isPublic ? [] : scopesOf(own?.scopes, entry, operation, contract),
    authorize: resolveOperationAuthorize(api, entry, operation, schemas, document, context),
    limits:
      own?.limits === undefined
        ? resolveLimits(entry.limits, 'api', ['apis', api, 'limits'], document, context)
        : resolveLimits(own.limits, 'operation', [...path, 'limits'], document, context),
    cost: own?.cost ?? 1,
    guesses: resolveGuesses(own?.guesses),
    priority: own?.priority ?? entry.priority ?? (service !== null ? 'high' : isPublic ? 'low' : 'normal'),
    maxBodyBytes:
      own?.['max-body'] ?? entry['max-body'] ?? (entry.grpc === undefined ? DEFAULT_BODY_BYTES : ANY_BYTES),
    validate:
      entry.grpc === undefined && service?.validates !== false
        ? resolveValidate(own?.validate ?? entry.validate)
        : null,
    inspect:
      entry.grpc === undefined
        ? resolveInspect({ name: api, entry: entry.inspect }, own?.inspect, operation, ruleSets)
        : null,
    mask: resolveMask(api, entry, { operation, document: contract.document }, document, context),
    retire: resolveRetire(entry.retire, own?.retire, path, context),
    contract: operation,
    grpc: entry.grpc === undefined ? null : { maxMessageBytes: entry.grpc['max-message'] },
    websocket: entry.grpc === undefined ? resolveWebsocket(own?.websocket ?? entry.websocket) : null,
    login: null,
  };
}

/** Why nobody has to authenticate; null where somebody has to. */
function publicReasonOf(
  own: ApiDocument['operations'][string] | undefined,
  entry: ApiDocument,
  id: string,
  service: ServiceDescription | null,
): string | null {
  if (own?.public === true) return own.reason ?? '';
  if (service === null || own?.authenticate !== undefined) return null;
  if (service.authentication === 'either' && entry.authenticate !== undefined) return null;
  return Object.hasOwn(service.open, id) ? service.open[id]! : null;
}

/** What the contract's security asks for: scopes whoever has them, or a way of authenticating without scopes. */
function scopesOf(
  own: readonly string[] | undefined,
  entry: ApiDocument,
  operation: ContractOperation,
  contract: Contract,
): ScopeAlternative[] {
  if (own !== undefined) return [{ method: 'any', scopes: own }];
  if (entry.authorize.scopes === 'none' || operation.security === null) return [];
  return operation.security.map((requirement) => {
    const scopes: string[] = [];
    let method: ScopeAlternative['method'] = 'any';
    for (const [scheme, names] of Object.entries(requirement)) {
      scopes.push(...names);
      const type = contract.securitySchemes[scheme]?.type;
      if (names.length > 0) continue;
      if (type === 'apiKey') method = 'api-key';
      else if (type === 'mutualTLS') method = 'mtls';
      else if (type !== undefined) method = 'jwt';
    }
    return { method, scopes };
  });
}

const DEFAULT_BODY_BYTES = 1_048_576;
const ANY_BYTES = Number.MAX_SAFE_INTEGER;
const DEFAULT_MESSAGE_BYTES = 1_048_576;

function resolveWebsocket(entry: ApiDocument['websocket']): OperationConfig['websocket'] {
  if (entry === false) return null;
  if (entry === true) {
    return {
      maxMessageBytes: DEFAULT_MESSAGE_BYTES,
      maxMessagesPerSecond: 0,
      origins: [],
      mayCompress: false,
    };
  }
  return {
    origins: entry.origins.map((origin) => origin.toLowerCase()),
    mayCompress: entry.compression,
    maxMessageBytes: entry['max-message'],
    maxMessagesPerSecond: entry.rate === undefined ? 0 : (entry.rate.count * 1000) / entry.rate.periodMs,
  };
}

/** Deny by default: open operations are named all at once, with what to write. */
function reportOpen(api: string, operations: readonly OperationConfig[], context: ResolveContext): void {
  const open = operations.filter((entry) => entry.publicReason === null && entry.authenticate.length === 0);
  if (open.length === 0) return;
  const names = open.map((entry) => entry.id);
  const shown = names.slice(0, 8).join(', ') + (names.length > 8 ? ` and ${names.length - 8} more` : '');
  fail(
    context,
    'config-operation-open',
    ['apis', api],
    `Nobody has to authenticate for ${shown}.`,
    `Add "authenticate:" to the API, or make single operations public: operations: { ${names[0]}: { public: true, reason: why } }.`,
  );
}

/** gRPC lives on HTTP/2 alone, WebSockets (without RFC 8441) on HTTP/1 alone. */
function checkProtocol(
  name: string,
  entry: ApiDocument,
  operations: readonly OperationConfig[],
  document: ConfigDocument,
  context: ResolveContext,
): void {
  if (entry.upstream === undefined || !Object.hasOwn(document.upstreams, entry.upstream)) return;
  const upstream = document.upstreams[entry.upstream];
  if (upstream === undefined) return;
  const isSecure = upstream.targets.every((target) =>
    /^https:/i.test(typeof target === 'string' ? target : target.url),
  );
  const speaksHttp2 = upstream.protocol === 'http2' || (upstream.protocol === 'auto' && isSecure);
  if (entry.grpc !== undefined && !speaksHttp2) {
    fail(
      context,
      'config-upstream-protocol',
      ['apis', name, 'upstream'],
      `"${name}" is gRPC, which needs HTTP/2, and the upstream "${entry.upstream}" does not speak it.`,
      'Add "protocol: http2" to the upstream.',
    );
  }
  if (entry.grpc !== undefined && entry.inspect !== undefined && entry.inspect !== false) {
    fail(
      context,
      'config-value',
      ['apis', name, 'inspect'],
      `"${name}" is gRPC, whose messages rules can not read.`,
      'Remove "inspect" from it.',
    );
  }
  if (upstream.protocol === 'http2' && operations.some((operation) => operation.websocket !== null)) {
    fail(
      context,
      'config-upstream-protocol',
      ['apis', name, 'upstream'],
      `"${name}" lets WebSockets pass, and the upstream "${entry.upstream}" speaks HTTP/2 only.`,
      'Use "protocol: auto" or "http1" for it.',
    );
  }
}
