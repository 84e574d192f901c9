// The API on HTTP: bytes to a call and an answer to bytes. Everything that an answer says stays out of caches.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseTtl } from '../access/tokens.ts';
import { VaultError } from '../contract.ts';
import type { Json, Operation, VaultRequest } from './contract.ts';
import type { HttpReply, VaultService } from './service.ts';

/** Largest body, bytes: a batch of transit, or the largest secret. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;
const MAX_DEPTH = 64;

export interface HttpFacts {
  /** Path below the base, with its leading slash, as the client sent it: percent-encoded. */
  readonly target: string;
  /** The client's address, as the gate knows it. */
  readonly address: string;
  /** Instead of the request's own: Node's HTTP parser does not know LIST. */
  readonly method?: string;
}

/** Answers one request. Rejects only for faults of the program. */
export async function serveVault(
  service: VaultService,
  request: IncomingMessage,
  response: ServerResponse,
  facts: HttpFacts,
): Promise<void> {
  let reply: HttpReply;
  try {
    const wanted = await readRequest(request, facts);
    reply = await service.handle(wanted);
  } catch (error) {
    if (!(error instanceof VaultError)) throw error;
    const status = error.fault === 'unsupported' ? 405 : 400;
    reply = { status, body: { errors: [error.message] } };
  }
  send(response, reply, request.method === 'HEAD');
}

function send(response: ServerResponse, { status, body }: HttpReply, isHead: boolean): void {
  const text = body === null ? '' : JSON.stringify(body);
  response.writeHead(status, {
    'cache-control': 'no-store',
    ...(body === null
      ? {}
      : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
  });
  response.end(isHead ? '' : text);
}

async function readRequest(
  request: IncomingMessage,
  { target, address, method }: HttpFacts,
): Promise<VaultRequest> {
  const question = target.indexOf('?');
  const rawPath = question === -1 ? target : target.slice(0, question);
  const query = new URLSearchParams(question === -1 ? '' : target.slice(question + 1));
  if (!rawPath.startsWith('/v1/')) throw new VaultError('invalid', 'unsupported path');
  const operation = operationOf(method ?? request.method ?? '', query);
  const field = (name: string): string => {
    const value = request.headers[name];
    return typeof value === 'string' ? value : '';
  };
  if (field('x-vault-namespace').replace(/\//g, '') !== '' && field('x-vault-namespace') !== 'root')
    throw new VaultError('invalid', 'there are no namespaces');
  const bearer = /^Bearer (\S+)$/i.exec(field('authorization'))?.[1] ?? '';
  return {
    operation,
    path: decodePath(rawPath.slice('/v1/'.length)),
    query,
    body:
      operation === 'update' || operation === 'patch' || operation === 'delete'
        ? await readBody(request)
        : {},
    tokenId: field('x-vault-token') || (bearer.startsWith('gw') ? bearer : ''),
    wrapTtlMs: parseTtl(field('x-vault-wrap-ttl'), 'X-Vault-Wrap-TTL'),
    address,
  };
}

function operationOf(method: string, query: URLSearchParams): Operation {
  switch (method) {
    case 'GET':
    case 'HEAD':
      return query.get('list') === 'true' ? 'list' : 'read';
    case 'LIST':
      return 'list';
    case 'POST':
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return 'delete';
    default:
      throw new VaultError('unsupported', 'unsupported operation');
  }
}

/** What policies judge is what is used: no part of the path may be empty, relative, or hide a slash. */
function decodePath(raw: string): string {
  const parts = raw.replace(/\/+$/, '').split('/');
  return parts
    .map((part) => {
      let clear: string;
      try {
        clear = decodeURIComponent(part);
      } catch {
        throw new VaultError('invalid', 'the path is not percent-encoded as it should be');
      }
      if (clear === '' || clear === '.' || clear === '..' || /[/\\\x00-\x1f\x7f]/.test(clear))
        throw new VaultError('invalid', 'the path has an empty, relative or ambiguous part');
      return clear;
    })
    .join('/');
}

async function readBody(request: IncomingMessage): Promise<Json> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new VaultError('invalid', `a body has up to ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  if (size === 0) return {};
  const bytes = Buffer.concat(chunks);
  let parsed: unknown;
  try {
    parsed = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new VaultError('invalid', 'failed to parse JSON input');
  } finally {
    bytes.fill(0);
  }
  if (parsed === null) return {};
  if (typeof parsed !== 'object' || Array.isArray(parsed) || depthOf(parsed) > MAX_DEPTH)
    throw new VaultError('invalid', 'failed to parse JSON input');
  return parsed as Json;
}

function depthOf(value: unknown): number {
  let deepest = 0;
  const waiting: [unknown, number][] = [[value, 1]];
  for (;;) {
    const next = waiting.pop();
    if (next === undefined || deepest > MAX_DEPTH) return deepest;
    const [node, depth] = next;
    if (typeof node !== 'object' || node === null) continue;
    deepest = Math.max(deepest, depth);
    for (const child of Object.values(node)) waiting.push([child, depth + 1]);
  }
}
