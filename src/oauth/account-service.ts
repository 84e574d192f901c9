// The account pages: reached with a session of the server itself, changed only with a fresh one, and every form with proof
// that it came from there.
import type { Provider } from 'oidc-provider';
import type { Clock } from '../core/index.ts';
import { IdentityError } from '../identity/index.ts';
import type { Accounts } from './accounts.ts';
import { type AuthorizationServerConfig, BUILT_IN_ISSUER } from './contract.ts';
import type { LoginEvent, PageCall } from './interaction.ts';
import type { LoginThrottle } from './login-throttle.ts';
import { type AccountView, accountPage } from './pages/account-page.ts';
import type { PageFrame } from './pages/layout.ts';
import { messagePage } from './pages/login-pages.ts';
import { HasherBusyError } from './passwords/password-hasher.ts';
import { createTotpSecret, totpUri } from './totp.ts';
import type { Artifacts } from './unit-of-work.ts';
import {
  checkOrigin,
  csrfToken,
  RequestError,
  readForm,
  readJson,
  redirect,
  sendJson,
  sendPage,
} from './web.ts';

export interface AccountParts {
  readonly config: AuthorizationServerConfig;
  readonly accounts: Accounts;
  readonly artifacts: Artifacts;
  readonly throttle: LoginThrottle;
  readonly frame: PageFrame;
  readonly clock: Clock;
  readonly onEvent: (event: LoginEvent) => void;
}

/** Changes need a login no older than this, s. */
const FRESH_S = 900;
/** What was issued to somebody can not live longer, ms. */
const REMEMBER_MS = 400 * 86_400_000;

type Session = Awaited<ReturnType<Provider['Session']['get']>>;

export class AccountService {
  readonly #parts: AccountParts;
  /** Challenges that were given out, by session; a passkey is added within minutes. */
  readonly #origin: string;

  constructor(parts: AccountParts) {
    this.#parts = parts;
    this.#origin = new URL(parts.config.issuer).origin;
  }

  async answer(call: PageCall, step: string): Promise<void> {
    const { provider, request, response } = call;
    const { accounts, clock } = this.#parts;
    const session: Session = await provider.Session.get(provider.createContext(request, response) as never);
    const user = session.accountId === undefined ? null : await accounts.user(session.accountId);
    const isFresh = user !== null && clock.epochMs() / 1000 - (session.loginTs ?? 0) <= FRESH_S;
    if (user === null || !isFresh) {
      if (request.method === 'GET' && step === '')
        return sendPage(
          response,
          messagePage(
            this.#parts.frame,
            'Your account',
            'Sign in to an application first, then come back within a quarter of an hour.',
          ),
          401,
        );
      throw new RequestError(401, 'Sign in again first.');
    }
    const place = `account|${session.uid}|${user.id}`;
    const show = async (more: Partial<AccountView> = {}, status = 200): Promise<void> =>
      sendPage(
        response,
        accountPage(this.#parts.frame, {
          user: user.id,
          csrf: csrfToken(call.seal, place),
          credentials: await accounts.credentials(user.id),
          totp: null,
          codes: [],
          problem: null,
          done: null,
          ...more,
        }),
        status,
      );
    if (request.method === 'GET' && step === '') return show();
    if (request.method !== 'POST') throw new RequestError(404, 'There is no such page.');
    const tell = (action: string, target: string, outcome: LoginEvent['outcome'], reason = ''): void =>
      this.#parts.onEvent({ action, actor: user.id, target, outcome, reason, address: call.address });
    if (step.startsWith('passkey')) {
      const token = request.headers['x-csrf-token'];
      checkOrigin(request, call.seal, place, typeof token === 'string' ? token : undefined, this.#origin);
      const body = await readJson(request);
      if (step === 'passkey/options') {
        const options = await accounts.passkeyCreation(user);
        session['state'] = { ...(session['state'] as object | undefined), passkey: options.challenge };
        await saveSession(session);
        return sendJson(response, options);
      }
      const { passkey: challenge, ...rest } = (session['state'] ?? {}) as { passkey?: string };
      session['state'] = rest;
      await saveSession(session);
      if (challenge === undefined) throw new RequestError(400, 'There is no challenge.');
      const label = String(body['label'] ?? '').slice(0, 60);
      const added = await accounts.addPasskey(user.id, body['response'], challenge, label);
      tell('credential.add', 'passkey', added ? 'success' : 'failure');
      if (!added) throw new RequestError(400, 'The passkey could not be added.');
      return sendJson(response, { next: `${this.#parts.frame.base}/account` });
    }
    const form = await readForm(request);
    checkOrigin(request, call.seal, place, form.get('csrf'), this.#origin);
    switch (step) {
      case 'totp': {
        const sealed = form.get('secret');
        const opened = sealed === undefined ? null : call.seal.open('totp', sealed);
        const secret = opened?.['user'] === user.id ? String(opened['secret']) : createTotpSecret();
        const added =
          opened !== null && (await accounts.addTotp(user.id, secret, form.get('code') ?? '', ''));
        if (added) {
          tell('credential.add', 'totp', 'success');
          return show({ done: 'The authenticator app is needed from now on.' });
        }
        return show({
          problem: opened === null ? null : 'This code is not good. Is the clock of the device right?',
          totp: {
            secret,
            uri: totpUri(secret, this.#parts.config.title, user.id),
            sealed: call.seal.close('totp', { user: user.id, secret }) ?? '',
          },
        });
      }
      case 'recovery': {
        const factors = await accounts.factors(user.id);
        if (factors.size === 0) return show({ problem: 'There is no second factor to stand in for.' }, 400);
        const codes = await accounts.newRecoveryCodes(user.id);
        tell('credential.add', 'recovery', 'success');
        return show({ codes });
      }
      case 'remove': {
        const id = form.get('id') ?? '';
        const kept = (await accounts.credentials(user.id)).filter((credential) => credential.id !== id);
        if (!kept.some(({ kind }) => kind === 'password' || kind === 'passkey'))
          return show({ problem: 'The last way to sign in stays.' }, 400);
        const gone = await accounts.remove(user.id, id);
        tell('credential.remove', id, gone ? 'success' : 'failure');
        return show(gone ? { done: 'It is removed.' } : { problem: 'It is not there any more.' });
      }
      case 'password':
        return this.#changePassword(call, user.id, form, show, tell);
      case 'withdraw':
        await this.#withdraw(user.id);
        tell('grant.revoke', user.id, 'success', 'signed out everywhere');
        return redirect(response, `${this.#parts.frame.base}/account`);
      default:
        throw new RequestError(404, 'There is no such page.');
    }
  }

  async #changePassword(
    call: PageCall,
    user: string,
    form: ReadonlyMap<string, string>,
    show: (more: Partial<AccountView>, status?: number) => Promise<void>,
    tell: (action: string, target: string, outcome: LoginEvent['outcome'], reason?: string) => void,
  ): Promise<void> {
    const { accounts, throttle, clock } = this.#parts;
    const verdict = await throttle.begin('password', user, call.address, 'account', clock.epochMs());
    if (verdict.kind === 'wait') return show({ problem: 'There were too many attempts. Please wait.' }, 429);
    try {
      if ((await accounts.byPassword(user, form.get('current') ?? '')) === null) {
        tell('credential.change', 'password', 'failure', 'wrong password');
        return await show({ problem: 'This is not your password.' }, 400);
      }
      await throttle.succeed(verdict.attempt);
      await accounts.setPassword(user, form.get('next') ?? '');
    } catch (error) {
      if (error instanceof HasherBusyError) {
        await throttle.takeBack(verdict.attempt);
        return show({ problem: 'Many people are signing in right now. Please try again.' }, 503);
      }
      if (error instanceof IdentityError) return show({ problem: error.message }, 400);
      throw error;
    }
    tell('credential.change', 'password', 'success');
    return show({ done: 'The password is changed.' });
  }

  async #withdraw(user: string): Promise<void> {
    const nowMs = this.#parts.clock.epochMs();
    await this.#parts.artifacts.writeNow(
      { kind: 'remove-user', user },
      {
        kind: 'revoke',
        revocation: {
          kind: 'subject',
          value: `${BUILT_IN_ISSUER}|${user}`,
          // The next second: tokens say their time in whole seconds.
          issuedBeforeMs: Math.floor(nowMs / 1000) * 1000 + 1000,
          untilMs: nowMs + REMEMBER_MS,
          createdMs: nowMs,
          reason: 'signed out everywhere',
        },
      },
    );
  }
}

/** As oidc-provider saves it, which is not part of its types. */
async function saveSession(session: Session): Promise<void> {
  await (session as unknown as { save(ttl: number): Promise<unknown> }).save(
    Math.max(1, Number(session.exp ?? 0) - Math.floor(Date.now() / 1000)),
  );
}
