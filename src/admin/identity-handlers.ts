// Identities and keys: what the command line does, for programs and people far away. Nobody gains by it more than they have:
// what opens the control plane is in the hands of administrators alone.
import { isControlScope } from '../admin-api/index.ts';
import type { ApiKeyView, IdentityStore, Principal, PrincipalKind } from '../identity/index.ts';
import { IdentityError, IdentityRegistry } from '../identity/index.ts';
import {
  type AdminAnswer,
  type AdminHandler,
  type AdminParts,
  AdminProblem,
  type AdminRequest,
  callerOf,
  stateOf,
} from './contract.ts';
import { versionOf } from './http.ts';
import { pageOf } from './pages.ts';

/** What was issued to somebody who is disabled can not live longer than this, ms. */
const REMEMBERED_MS = 400 * 86_400_000;
const DAY_MS = 86_400_000;
const OVERLAP_MS = DAY_MS;
/** Keys older than this are to be replaced, days. */
const OLD_KEY_DAYS = 90;
/** Keys that nobody used for so long are to be looked at, days. */
const UNUSED_DAYS = 30;

interface IdentityView {
  readonly id: string;
  readonly kind: PrincipalKind;
  readonly note: string;
  readonly scopes: readonly string[];
  readonly createdMs: number;
  readonly disabledMs: number | null;
  readonly source: 'state' | 'configuration';
  readonly keys: number;
  readonly lastUsedMs: number | null;
}

const versionOfPrincipal = ({ id, kind, note, scopes, disabledMs }: Principal): string =>
  versionOf([id, kind, note, scopes, disabledMs]);
const versionOfKey = ({ id, scopes, addresses, expiresMs, revokedMs }: ApiKeyView): string =>
  versionOf([id, scopes, addresses, expiresMs, revokedMs]);

export function statusOfKey(key: Pick<ApiKeyView, 'revokedMs' | 'expiresMs'>, nowMs: number) {
  if (key.revokedMs !== null) return 'revoked' as const;
  return key.expiresMs !== null && key.expiresMs <= nowMs ? ('expired' as const) : ('active' as const);
}

function keyView(key: ApiKeyView, nowMs: number) {
  const { sha256: _, principal, ...rest } = key;
  const status = statusOfKey(key, nowMs);
  const ageDays = Math.max(0, Math.round(((nowMs - key.createdMs) / DAY_MS) * 10) / 10);
  const idleDays = (nowMs - (key.lastUsedMs ?? key.createdMs)) / DAY_MS;
  let advice = '';
  if (status === 'active' && idleDays > UNUSED_DAYS)
    advice = `Not used for ${Math.floor(idleDays)} days: revoke it?`;
  else if (status === 'active' && ageDays > OLD_KEY_DAYS)
    advice = `${Math.floor(ageDays)} days old: rotate it.`;
  else if (status === 'active' && key.expiresMs === null) advice = 'It never expires.';
  return { ...rest, owner: principal, status, ageDays, advice };
}

/** Errors of the registry as problems. */
async function spoken<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error;
    const codes = {
      exists: 'resource-conflict',
      unknown: 'resource-unknown',
      invalid: 'body-invalid',
      revoked: 'resource-conflict',
    } as const;
    throw new AdminProblem(codes[error.code], `${error.message[0]!.toUpperCase()}${error.message.slice(1)}.`);
  }
}

/** Throws AdminProblem unless administrators alone may do what the caller wants with these scopes. */
function guardScopes(request: AdminRequest, scopes: readonly string[]): void {
  if (scopes.some(isControlScope) && !callerOf(request).permissions.has('members:write'))
    throw new AdminProblem('role-insufficient', 'Only administrators touch what opens the control plane.');
}

/** The version must be named and the one that is there. */
export function checkVersion(request: AdminRequest, version: string): void {
  if (request.version === '')
    throw new AdminProblem('precondition-required', 'Read the resource, and send its ETag in If-Match.');
  if (request.version !== version && request.version !== '*')
    throw new AdminProblem('precondition-failed', 'Somebody else has changed it. Read it again.');
}

export function identityHandlers(parts: AdminParts) {
  const nowMs = (): number => parts.clock.epochMs();
  const store = (): IdentityStore => stateOf(parts).identity;
  const registry = (): IdentityRegistry => new IdentityRegistry(store(), parts.clock);

  const principalOf = async (id: string): Promise<Principal> => {
    const found = await store().principal(id);
    if (found === null)
      throw new AdminProblem('resource-unknown', 'There is nobody of this name in the state.');
    return found;
  };
  const keyOf = async (id: string): Promise<ApiKeyView> => {
    const found = await store().key(id);
    if (found === null) throw new AdminProblem('resource-unknown', 'There is no such key.');
    return found;
  };
  const viewOf = (principal: Principal, keys: readonly ApiKeyView[]): IdentityView => {
    const own = keys.filter((key) => key.principal === principal.id);
    const used = own.map((key) => key.lastUsedMs ?? 0).reduce((a, b) => Math.max(a, b), 0);
    const { id, kind, note, scopes, createdMs, disabledMs } = principal;
    return {
      id,
      kind,
      note,
      scopes,
      createdMs,
      disabledMs,
      source: 'state',
      keys: own.filter((key) => statusOfKey(key, nowMs()) === 'active').length,
      lastUsedMs: used === 0 ? null : used,
    };
  };
  const answerWith = async (
    id: string,
    status: number,
    audit: NonNullable<AdminAnswer['audit']>,
  ): Promise<AdminAnswer> => {
    const principal = await principalOf(id);
    const body = viewOf(principal, await registry().keys(id));
    return { status, body, etag: versionOfPrincipal(principal), audit };
  };

  return {
    listIdentities: async (request) => {
      const { kind, text, cursor, limit } = request.query as {
        kind?: PrincipalKind;
        text?: string;
        cursor?: string;
        limit: number;
      };
      const keys = await registry().keys();
      const stored = (await registry().principals(kind ?? null)).map((principal) => viewOf(principal, keys));
      const configured = parts
        .config()
        .consumers.filter(({ id }) => !stored.some((one) => one.id === id))
        .map(
          ({ id, scopes, keys: own }): IdentityView => ({
            id,
            kind: 'client',
            note: '',
            scopes,
            createdMs: 0,
            disabledMs: null,
            source: 'configuration',
            keys: own.length,
            lastUsedMs: null,
          }),
        )
        .filter((one) => kind === undefined || one.kind === kind);
      const wanted = text?.toLowerCase() ?? '';
      const all = [...stored, ...configured]
        .filter(
          ({ id, note }) =>
            wanted === '' || id.toLowerCase().includes(wanted) || note.toLowerCase().includes(wanted),
        )
        .sort((a, b) => (a.id < b.id ? -1 : 1));
      return { status: 200, body: pageOf(all, (one) => one.id, cursor, limit) };
    },

    createIdentity: async (request) => {
      const { id, kind, note, scopes } = request.body as {
        id: string;
        kind: PrincipalKind;
        note?: string;
        scopes?: string[];
      };
      guardScopes(request, scopes ?? []);
      await spoken(() => registry().add(kind, id, scopes ?? [], note ?? '', null));
      return answerWith(id, 201, { target: { kind, id }, after: { scopes: scopes ?? [] } });
    },

    getIdentity: async (request) => {
      const principal = await principalOf(request.params['identity']!);
      const keys = await registry().keys(principal.id);
      return { status: 200, body: viewOf(principal, keys), etag: versionOfPrincipal(principal) };
    },

    changeIdentity: async (request) => {
      const before = await principalOf(request.params['identity']!);
      const { scopes, disabled } = request.body as { scopes?: string[]; disabled?: boolean };
      checkVersion(request, versionOfPrincipal(before));
      guardScopes(request, [...before.scopes, ...(scopes ?? [])]);
      if (before.id === callerOf(request).id && (disabled === true || scopes !== undefined))
        throw new AdminProblem(
          'resource-conflict',
          'Nobody changes their own standing: ask another administrator.',
        );
      await spoken(async () => {
        if (scopes !== undefined) await registry().setScopes(before.kind, before.id, scopes);
        if (disabled === true) await registry().disable(before.kind, before.id, REMEMBERED_MS);
        if (disabled === false) await registry().enable(before.kind, before.id);
      });
      await parts.refresh();
      return answerWith(before.id, 200, {
        target: { kind: before.kind, id: before.id },
        before: { scopes: before.scopes, disabled: before.disabledMs !== null },
        after: {
          ...(scopes === undefined ? {} : { scopes }),
          ...(disabled === undefined ? {} : { disabled }),
        },
      });
    },

    listKeys: async (request) => {
      const { owner, status, text, cursor, limit } = request.query as Record<string, string | undefined> & {
        limit: number;
      };
      const wanted = text?.toLowerCase() ?? '';
      const all = (await registry().keys(owner ?? ''))
        .map((key) => keyView(key, nowMs()))
        .filter((key) => status === undefined || key.status === status)
        .filter(
          (key) =>
            wanted === '' ||
            key.id.toLowerCase().includes(wanted) ||
            key.owner.toLowerCase().includes(wanted),
        );
      return { status: 200, body: pageOf(all, (key) => key.id, cursor, limit) };
    },

    issueKey: async (request) => {
      const { owner, ...options } = request.body as {
        owner: string;
        scopes?: string[];
        addresses?: string[];
        lifetimeMs?: number;
      };
      const principal = await principalOf(owner);
      guardScopes(request, options.scopes ?? principal.scopes);
      const { key, record } = await spoken(() => registry().createKey(owner, options));
      await parts.refresh();
      return {
        status: 201,
        body: { key, record: keyView({ ...record, lastUsedMs: null }, nowMs()) },
        audit: {
          target: { kind: 'key', id: record.id },
          after: { owner, scopes: record.scopes, expiresMs: record.expiresMs },
        },
      };
    },

    getKey: async (request) => {
      const key = await keyOf(request.params['key']!);
      return { status: 200, body: keyView(key, nowMs()), etag: versionOfKey(key) };
    },

    rotateKey: async (request) => {
      const old = await keyOf(request.params['key']!);
      const { overlapMs, lifetimeMs } = request.body as { overlapMs?: number; lifetimeMs?: number };
      guardScopes(request, old.scopes ?? (await principalOf(old.principal)).scopes);
      if (statusOfKey(old, nowMs()) !== 'active')
        throw new AdminProblem('resource-conflict', 'The key is not good any more.');
      const { key, record } = await spoken(() =>
        registry().rotateKey(old.id, overlapMs ?? OVERLAP_MS, lifetimeMs),
      );
      await parts.refresh();
      return {
        status: 201,
        body: { key, record: keyView({ ...record, lastUsedMs: null }, nowMs()) },
        audit: { target: { kind: 'key', id: old.id }, after: { next: record.id } },
      };
    },

    revokeKey: async (request) => {
      const before = await keyOf(request.params['key']!);
      checkVersion(request, versionOfKey(before));
      guardScopes(request, before.scopes ?? (await principalOf(before.principal)).scopes);
      if (before.revokedMs !== null)
        throw new AdminProblem('resource-conflict', 'The key is revoked already.');
      await spoken(() => registry().revokeKey(before.id));
      await parts.refresh();
      const key = await keyOf(before.id);
      return {
        status: 200,
        body: keyView(key, nowMs()),
        etag: versionOfKey(key),
        audit: { target: { kind: 'key', id: key.id }, after: { owner: key.principal } },
      };
    },
  } as const satisfies Record<string, AdminHandler>;
}
