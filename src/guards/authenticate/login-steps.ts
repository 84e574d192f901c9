// The places of a login under the gate's own path: where the issuer sends people back to, where they log out, and where
// the issuer says that they have logged out elsewhere. The gate answers all of them itself.
import { timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../core/index.ts';
import type { ReplayTable } from '../../credentials/index.ts';
import { Answer, type Decision, type Exchange, type Guard, noHooks, Refusal } from '../../exchange/index.ts';
import type { LoginStep } from './contract.ts';
import { type LoginReplica, readCookie } from './login.ts';
import { STATE_SECONDS } from './session.ts';

const unavailable = new Refusal('key-source-unavailable', 'authenticate', 'login');
const foreign = new Refusal('origin-denied', 'authenticate', 'cross-site');

export function compileLoginStep(
  step: LoginStep,
  login: LoginReplica,
  replays: ReplayTable,
  clock: Clock,
): Guard {
  const name = 'authenticate';
  if (step === 'callback')
    return { ...noHooks, name, onRequest: (exchange) => runCallback(exchange, login, replays, clock) };
  if (step === 'logout') return { ...noHooks, name, onRequest: (exchange) => runLogout(exchange, login) };
  return {
    ...noHooks,
    name,
    onRequest: null,
    onBody: (exchange, body) => runBackChannel(exchange, body, login),
  };
}

function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

function runCallback(
  exchange: Exchange,
  login: LoginReplica,
  replays: ReplayTable,
  clock: Clock,
): Decision | Promise<Decision> {
  const query = new URLSearchParams(exchange.query);
  const one = (key: string): string => {
    const found = query.getAll(key);
    return found.length === 1 ? found[0]! : '';
  };
  const state = one('state');
  if (!/^[A-Za-z0-9_-]{22}$/.test(state)) return refuse('login-state', []);
  const cookie = login.stateCookieName(state);
  const clear = ['set-cookie', login.cookie(cookie, '', 0)];
  const sealed = readCookie(exchange.fields, cookie);
  const kept = sealed === null ? null : (login.seal?.open(`state|${login.config.name}`, sealed) ?? null);
  // Another browser than the one that began, or another login: nothing that this answer says is for it.
  if (kept === null || !isSame(String(kept['state']), state)) return refuse('login-state', clear);
  const nowMs = clock.epochMs();
  if (nowMs >= Number(kept['expires']) * 1000) return refuse('login-expired', clear);
  // RFC 9207: the answer is that of the issuer that was asked, not of another that the person was led to.
  const issuer = query.get('iss');
  if (issuer !== null && issuer !== login.issuer) return refuse('login-issuer', clear);
  if (query.has('error')) return refuse('login-refused', clear);
  const code = one('code');
  if (code === '' || code.length > 2048) return refuse('login-code', clear);
  if (replays.use(`login|${state}`, nowMs + STATE_SECONDS * 1000, nowMs) !== 'fresh')
    return refuse('login-replayed', clear);
  const to = String(kept['to']);
  return login
    .ask({
      kind: 'code',
      code,
      verifier: String(kept['verifier']),
      nonce: String(kept['nonce']),
      stepUp: String(kept['up'] ?? ''),
    })
    .then((result) => {
      if (result.kind === 'unavailable') return unavailable;
      if (result.kind !== 'session') return refuse('login-token', clear);
      const seconds = Math.floor(login.config.lifetimeMs / 1000);
      return new Answer(303, 'authenticate', [
        'location',
        // INVARIANT: a path of this origin: it was one when it was sealed.
        to.startsWith('/') && !/^\/[/\\]/.test(to) ? to : '/',
        'set-cookie',
        login.cookie(login.cookieName, result.cookie, seconds),
        ...clear,
        'cache-control',
        'no-store',
      ]);
    });
}

const refuse = (reason: string, fields: readonly string[]): Refusal =>
  new Refusal('credentials-invalid', 'authenticate', reason, '', fields);

function runLogout(exchange: Exchange, login: LoginReplica): Decision | Promise<Decision> {
  const site = exchange.fields.get('sec-fetch-site');
  if (site === 'cross-site') return foreign;
  const { config, endSessionEndpoint } = login;
  let location = '/';
  if (endSessionEndpoint !== '') {
    const url = new URL(endSessionEndpoint);
    url.searchParams.set('client_id', config.clientId);
    url.searchParams.set('post_logout_redirect_uri', `${config.origin}/`);
    location = url.href;
  }
  const gone = new Answer(303, 'authenticate', [
    'location',
    location,
    'set-cookie',
    login.cookie(login.cookieName, '', 0),
    'cache-control',
    'no-store',
  ]);
  const value = readCookie(exchange.fields, login.cookieName);
  const session = value === null ? null : (login.seal?.open(`session|${config.name}`, value) ?? null);
  if (session === null) return gone;
  // A cookie that somebody has copied ends with the session.
  return login
    .ask({ kind: 'logout', session: String(session['id']) })
    .then((result) => (result.kind === 'done' ? gone : unavailable));
}

/** OpenID Connect Back-Channel Logout 1.0, section 2.5. */
function runBackChannel(
  exchange: Exchange,
  body: Uint8Array,
  login: LoginReplica,
): Decision | Promise<Decision> {
  const type = (exchange.fields.get('content-type') ?? '').toLowerCase();
  const tokens = new URLSearchParams(Buffer.from(body).toString('latin1')).getAll('logout_token');
  if (!type.startsWith('application/x-www-form-urlencoded') || tokens.length !== 1)
    return logoutAnswer(400, '{"error":"invalid_request"}');
  return login.ask({ kind: 'back-channel', token: tokens[0]! }).then((result) => {
    if (result.kind === 'done') return logoutAnswer(200, '');
    return result.kind === 'unavailable' ? unavailable : logoutAnswer(400, '{"error":"invalid_request"}');
  });
}

const logoutAnswer = (status: number, body: string): Answer =>
  new Answer(status, 'authenticate', ['content-type', 'application/json', 'cache-control', 'no-store'], body);
