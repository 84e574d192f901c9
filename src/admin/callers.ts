// Who calls the control plane: a session of the console, an API key of the state with scopes of the control plane, or whom the
// gate has authenticated where the configuration says how. What they may do is read anew with each request.
import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { permissionsOf } from '../admin-api/index.ts';
import type { ServiceCall } from '../control/index.ts';
import { hashApiKey, MAX_API_KEY_BYTES } from '../credentials/index.ts';
import { AddressSet } from '../net/index.ts';
import type { State } from '../stores/index.ts';
import { type AdminCaller, AdminProblem, type AdminRequest } from './contract.ts';
import { cookieOf } from './http.ts';
import type { ConsoleSessions } from './sessions.ts';

export const sessionCookie = (secure: boolean): string => `${secure ? '__Host-' : ''}gatewright-console`;
export const stepCookie = (secure: boolean): string => `${sessionCookie(secure)}-step`;

/** The caller; null where nobody is known. Rejects with AdminProblem for credentials that are not good. */
export async function findCaller(
  request: IncomingMessage,
  call: ServiceCall,
  state: State,
  sessions: ConsoleSessions,
  nowMs: number,
): Promise<AdminCaller | null> {
  if (call.caller !== null) {
    const { id, scopes } = call.caller;
    return { id, kind: 'gate', ...permissionsOf(scopes), sessionId: '', untilMs: null };
  }
  const { authorization } = request.headers;
  if (authorization !== undefined) return byKey(authorization, call.clientAddress, state, nowMs);
  const secret = cookieOf(request, sessionCookie(call.secure));
  const session = secret === '' ? null : await sessions.session(secret);
  if (session === null) return null;
  const user = await state.identity.principal(session.user);
  if (user === null || user.kind !== 'user' || user.disabledMs !== null) return null;
  return {
    id: user.id,
    kind: 'session',
    ...permissionsOf(user.scopes),
    sessionId: session.id,
    untilMs: session.untilMs,
  };
}

/** Uses are written down this often, ms. */
const NOTE_USE_MS = 60_000;

const bad = (): AdminProblem => new AdminProblem('credentials-invalid', 'The key is not good.');

async function byKey(
  authorization: string,
  address: string,
  state: State,
  nowMs: number,
): Promise<AdminCaller> {
  const text = /^Bearer ([\x21-\x7e]+)$/i.exec(authorization)?.[1] ?? '';
  const id = /^gwk_([A-Za-z0-9-]{1,64})_[A-Za-z0-9_-]+$/.exec(text)?.[1];
  if (id === undefined || text.length > MAX_API_KEY_BYTES) throw bad();
  const key = await state.identity.key(id);
  if (key === null || !isSame(key.sha256, hashApiKey(text))) throw bad();
  if (key.revokedMs !== null || (key.expiresMs !== null && key.expiresMs <= nowMs)) throw bad();
  if (key.addresses.length > 0 && !new AddressSet(key.addresses).has(address)) throw bad();
  const owner = await state.identity.principal(key.principal);
  if (owner === null || owner.disabledMs !== null) throw bad();
  if (nowMs - (key.lastUsedMs ?? 0) > NOTE_USE_MS) await state.identity.noteUses([{ id, usedMs: nowMs }]);
  return {
    id: owner.id,
    kind: 'key',
    ...permissionsOf(key.scopes ?? owner.scopes),
    sessionId: '',
    untilMs: key.expiresMs,
  };
}

const isSame = (a: string, b: string): boolean => {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
};

/**
 * Throws AdminProblem unless the browser says that a page of the console made the request: for everything that a cookie
 * stands behind and that changes something, and for signing in.
 */
export function requireOwnPage({ request, origin }: Pick<AdminRequest, 'request' | 'origin'>): void {
  const site = request.headers['sec-fetch-site'];
  const from = request.headers.origin;
  const isOwn =
    site === undefined ? from === origin : site === 'same-origin' && (from === undefined || from === origin);
  if (!isOwn) throw new AdminProblem('origin-denied', 'The request did not come from a page of the console.');
}
