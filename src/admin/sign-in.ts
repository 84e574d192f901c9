// Signing in and the signed-in user's own account. Passwords are hashed and attempts counted by the authorization server's own
// parts; there is no password that nobody has chosen.
import { permissionsOf, type Role, roles, SCOPE_PREFIX, scopeOfRole } from '../admin-api/index.ts';
import { IdentityRegistry } from '../identity/index.ts';
import { Accounts } from '../oauth/accounts.ts';
import { createTotpSecret, passwordProblem, totpUri } from '../oauth/index.ts';
import { LoginThrottle } from '../oauth/login-throttle.ts';
import { HasherBusyError, PasswordHasher } from '../oauth/passwords/password-hasher.ts';
import type { State } from '../stores/index.ts';
import { requireOwnPage, sessionCookie, stepCookie } from './callers.ts';
import {
  type AdminAnswer,
  type AdminHandler,
  type AdminParts,
  AdminProblem,
  type AdminRequest,
  callerOf,
  stateOf,
} from './contract.ts';
import { cookie, cookieOf } from './http.ts';
import { ConsoleSessions, SESSION_MS } from './sessions.ts';

const TITLE = 'Gatewright';
/** As the authorization server does by default: argon2id, KiB. */
const passwordLimits = { memoryKib: 19_456, passes: 2, lanes: 1, concurrency: 1, queue: 32 };

interface Desk {
  readonly state: State;
  readonly accounts: Accounts;
  readonly sessions: ConsoleSessions;
  readonly throttle: LoginThrottle;
}

export class SignIn {
  readonly #parts: AdminParts;
  readonly #hasher = new PasswordHasher(passwordLimits);

  constructor(parts: AdminParts) {
    this.#parts = parts;
  }

  close(): Promise<void> {
    return this.#hasher.close();
  }

  #desk(origin: string): Desk {
    const state = stateOf(this.#parts);
    const { clock } = this.#parts;
    return {
      state,
      accounts: new Accounts(state.oauth, this.#hasher, { issuer: origin, title: TITLE }, clock),
      sessions: new ConsoleSessions(state.oauth, clock),
      throttle: new LoginThrottle(state.oauth),
    };
  }

  /** Refuses to guess on: rejects with AdminProblem. */
  async #attempt(desk: Desk, stage: 'password' | 'factor', user: string, address: string) {
    const verdict = await desk.throttle.begin(stage, user, address, '', this.#parts.clock.epochMs());
    if (verdict.kind === 'go') return verdict.attempt;
    const seconds = Math.ceil(verdict.retryMs / 1000);
    throw new AdminProblem('rate-limited', `There were too many attempts. Try again in ${seconds} s.`);
  }

  #tell(request: AdminRequest, user: string, outcome: 'success' | 'failure', reason: string): Promise<void> {
    const { call } = request;
    return this.#parts.audit({
      action: 'admin.sign-in',
      outcome,
      actor: { kind: 'user', id: user.slice(0, 200) },
      target: null,
      address: call.clientAddress,
      reason,
      requestId: call.exchangeId,
    });
  }

  async #fail(request: AdminRequest, user: string, reason: string): Promise<never> {
    await this.#tell(request, user, 'failure', reason);
    throw new AdminProblem('credentials-invalid', 'This is not right. Check what you have typed.');
  }

  async #begin(request: AdminRequest, desk: Desk, user: string, how: string): Promise<AdminAnswer> {
    const found = await desk.accounts.user(user);
    if (found === null || permissionsOf(found.scopes).permissions.size === 0) {
      await this.#tell(request, user, 'failure', 'no role');
      throw new AdminProblem(
        'role-insufficient',
        'You have no role in the control plane. Ask an administrator.',
      );
    }
    const secret = await desk.sessions.begin(user);
    await this.#tell(request, user, 'success', how);
    const { secure } = request.call;
    return {
      status: 200,
      body: { next: 'done', factors: [] },
      cookies: [
        cookie(sessionCookie(secure), secret, SESSION_MS / 1000, secure),
        cookie(stepCookie(secure), '', 0, secure),
      ],
    };
  }

  readonly handlers = {
    signInPassword: async (request) => {
      requireOwnPage(request);
      const { user, password } = request.body as { user: string; password: string };
      const desk = this.#desk(request.origin);
      const attempt = await this.#attempt(desk, 'password', user, request.call.clientAddress);
      let found: Awaited<ReturnType<Accounts['byPassword']>>;
      try {
        found = await desk.accounts.byPassword(user, password);
      } catch (error) {
        if (!(error instanceof HasherBusyError)) throw error;
        await desk.throttle.takeBack(attempt);
        throw new AdminProblem('service-unavailable', 'Many people are signing in right now. Try again.');
      }
      if (found === null) return this.#fail(request, user, 'wrong name or password');
      await desk.throttle.succeed(attempt);
      if (await desk.accounts.mustChoose(found.id)) {
        await this.#tell(request, found.id, 'failure', 'temporary password');
        throw new AdminProblem(
          'authentication-insufficient',
          'Somebody else has made this password. Ask an administrator for a one-time link.',
        );
      }
      const factors = await desk.accounts.factors(found.id);
      if (factors.size === 0) return this.#begin(request, desk, found.id, 'password');
      const secret = await desk.sessions.keepStep({ user: found.id, challenge: '' });
      const { secure } = request.call;
      return {
        status: 200,
        body: { next: 'second-factor', factors: [...factors] },
        cookies: [cookie(stepCookie(secure), secret, 300, secure)],
      };
    },

    signInCode: async (request) => {
      requireOwnPage(request);
      const desk = this.#desk(request.origin);
      const secret = cookieOf(request.request, stepCookie(request.call.secure));
      const step = await desk.sessions.step(secret);
      if (step === null || step.user === '')
        throw new AdminProblem('credentials-invalid', 'Begin again with your password.');
      const attempt = await this.#attempt(desk, 'factor', step.user, request.call.clientAddress);
      const { code } = request.body as { code: string };
      const isGood = /^[0-9]{6}$/.test(code)
        ? await desk.accounts.byTotp(step.user, code)
        : await desk.accounts.byRecoveryCode(step.user, code);
      if (!isGood) return this.#fail(request, step.user, 'wrong code');
      await desk.throttle.succeed(attempt);
      if ((await desk.sessions.takeStep(secret)) === null)
        return this.#fail(request, step.user, 'step was used before');
      return this.#begin(request, desk, step.user, 'password and code');
    },

    signInPasskeyOptions: async (request) => {
      requireOwnPage(request);
      const desk = this.#desk(request.origin);
      const { secure } = request.call;
      const step = await desk.sessions.step(cookieOf(request.request, stepCookie(secure)));
      const user = step?.user ?? '';
      const options = await desk.accounts.passkeyRequest(user === '' ? null : user);
      const secret = await desk.sessions.keepStep({ user, challenge: options.challenge });
      return { status: 200, body: options, cookies: [cookie(stepCookie(secure), secret, 300, secure)] };
    },

    signInPasskey: async (request) => {
      requireOwnPage(request);
      const desk = this.#desk(request.origin);
      const step = await desk.sessions.takeStep(cookieOf(request.request, stepCookie(request.call.secure)));
      if (step === null || step.challenge === '')
        throw new AdminProblem('credentials-invalid', 'There is no challenge. Begin again.');
      const { response } = request.body as { response: unknown };
      const user = await desk.accounts.byPasskey(
        response,
        step.challenge,
        step.user === '' ? null : step.user,
      );
      if (user === null) return this.#fail(request, step.user || 'unknown', 'passkey');
      return this.#begin(request, desk, user.id, 'passkey');
    },

    readInvitation: async (request) => {
      requireOwnPage(request);
      const { token } = request.body as { token: string };
      const found = await this.#desk(request.origin).sessions.invitation(token);
      if (found === null)
        throw new AdminProblem('resource-unknown', 'This link was used before, or its time is over.');
      return { status: 200, body: found };
    },

    enrol: async (request) => {
      requireOwnPage(request);
      const { token, password } = request.body as { token: string; password: string };
      const desk = this.#desk(request.origin);
      const found = await desk.sessions.invitation(token);
      if (found === null)
        throw new AdminProblem('resource-unknown', 'This link was used before, or its time is over.');
      const problem = passwordProblem(found.user, password);
      if (problem !== null) throw new AdminProblem('body-invalid', problem);
      if (!(await desk.sessions.useInvitation(token)))
        throw new AdminProblem('resource-unknown', 'This link was used before.');
      await takeIn(desk.state, this.#parts, found.user, found.role);
      await desk.accounts.setPassword(found.user, password);
      // Whoever had the account before has it no longer.
      await desk.sessions.endAll(found.user);
      return this.#begin(request, desk, found.user, `one-time link for ${found.role}`);
    },

    getSession: (request) => {
      const { id, kind, roles: own, permissions, untilMs } = callerOf(request);
      return { status: 200, body: { user: id, kind, roles: own, permissions: [...permissions], untilMs } };
    },

    endSession: async (request) => {
      const caller = callerOf(request);
      const { secure } = request.call;
      if (caller.sessionId !== '') await this.#desk(request.origin).sessions.end(caller.sessionId);
      return {
        status: 204,
        cookies: [cookie(sessionCookie(secure), '', 0, secure)],
        audit: { target: null },
      };
    },

    getAccount: async (request) => {
      const caller = ownAccount(request);
      const kept = await this.#desk(request.origin).accounts.credentials(caller);
      const credentials = kept.map(({ id, kind, label, createdMs, usedMs }) => ({
        id,
        kind,
        label,
        createdMs,
        usedMs,
      }));
      return { status: 200, body: { user: caller, credentials } };
    },

    addPasskeyOptions: async (request) => {
      const id = ownAccount(request);
      const desk = this.#desk(request.origin);
      const user = await desk.accounts.user(id);
      if (user === null) throw new AdminProblem('resource-unknown', 'There is no such user.');
      const options = await desk.accounts.passkeyCreation(user);
      const { secure } = request.call;
      const secret = await desk.sessions.keepStep({ user: id, challenge: options.challenge });
      return { status: 200, body: options, cookies: [cookie(stepCookie(secure), secret, 300, secure)] };
    },

    addPasskey: async (request) => {
      const id = ownAccount(request);
      const desk = this.#desk(request.origin);
      const { secure } = request.call;
      const step = await desk.sessions.takeStep(cookieOf(request.request, stepCookie(secure)));
      const { response, label } = request.body as { response: unknown; label: string };
      if (
        step === null ||
        step.user !== id ||
        !(await desk.accounts.addPasskey(id, response, step.challenge, label))
      )
        throw new AdminProblem('body-invalid', 'The passkey could not be added.');
      return {
        status: 204,
        cookies: [cookie(stepCookie(secure), '', 0, secure)],
        audit: { target: { kind: 'passkey', id: label } },
      };
    },

    beginTotp: (request) => {
      const id = ownAccount(request);
      const secret = createTotpSecret();
      return { status: 200, body: { secret, uri: totpUri(secret, TITLE, id) } };
    },

    addTotp: async (request) => {
      const id = ownAccount(request);
      const { secret, code } = request.body as { secret: string; code: string };
      if (!(await this.#desk(request.origin).accounts.addTotp(id, secret, code, '')))
        throw new AdminProblem('body-invalid', 'This code is not good. Is the clock of the device right?');
      return { status: 204, audit: { target: { kind: 'totp', id } } };
    },

    removeCredential: async (request) => {
      const id = ownAccount(request);
      const { accounts } = this.#desk(request.origin);
      const wanted = request.params['credential']!;
      const kept = await accounts.credentials(id);
      if (!kept.some((one) => one.id === wanted))
        throw new AdminProblem('resource-unknown', 'You have no such credential.');
      const rest = kept.filter((one) => one.id !== wanted);
      if (!rest.some(({ kind }) => kind === 'password' || kind === 'passkey'))
        throw new AdminProblem('resource-conflict', 'The last way to sign in stays.');
      await accounts.remove(id, wanted);
      return { status: 204, audit: { target: { kind: 'credential', id: wanted } } };
    },
  } as const satisfies Record<string, AdminHandler>;
}

/** The user whose account it is; keys and callers of the gate have none here. */
function ownAccount(request: AdminRequest): string {
  const caller = callerOf(request);
  if (caller.kind !== 'session')
    throw new AdminProblem('resource-unknown', 'Only people who signed in here have an account here.');
  return caller.id;
}

/** Makes the user of an invitation, or gives the role to one who is there; enables both. */
async function takeIn(state: State, parts: AdminParts, user: string, role: Role): Promise<void> {
  const registry = new IdentityRegistry(state.identity, parts.clock);
  const found = await state.identity.principal(user);
  const kind = 'user';
  if (found === null) await registry.add(kind, user, [scopeOfRole(role)], '', null);
  else {
    if (found.kind !== 'user') throw new AdminProblem('resource-conflict', `"${user}" is a ${found.kind}.`);
    const others = found.scopes.filter((scope) => !roles.some((known) => scope === SCOPE_PREFIX + known));
    await registry.setScopes('user', user, [...others, scopeOfRole(role)]);
    if (found.disabledMs !== null) await registry.enable('user', user);
  }
  await parts.refresh();
}
