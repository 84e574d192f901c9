// What happens between an application's request and its answer: who is it, by which proof, and do they agree. The steps
// done so far stand in the interaction on the server; the browser holds only its signed cookie.
import { errors } from 'oidc-provider';
import type { Clock } from '../core/index.ts';
import { IdentityError } from '../identity/index.ts';
import type { Accounts } from './accounts.ts';
import { acrOf } from './authentication-context.ts';
import { askedOf, grantAsked } from './consent.ts';
import type { AuthorizationServerConfig } from './contract.ts';
import { FederatedSteps } from './federated-steps.ts';
import type { Federation } from './federation.ts';
import {
  hintOf,
  type Interaction,
  keepPending,
  type LoginEvent,
  needsPrompt,
  type PageCall,
  type Pending,
  pendingOf,
} from './interaction.ts';
import { knownBrowser, rememberBrowser } from './known-browsers.ts';
import type { LoginAttempt, LoginThrottle } from './login-throttle.ts';
import { formTarget, type PageFrame } from './pages/layout.ts';
import { choosePage, consentPage, factorPage, type InteractionView, loginPage } from './pages/login-pages.ts';
import { HasherBusyError } from './passwords/password-hasher.ts';
import { cookieNames } from './provider.ts';
import { checkOrigin, csrfToken, RequestError, readForm, readJson, sendJson, sendPage } from './web.ts';

export interface InteractionParts {
  readonly config: AuthorizationServerConfig;
  readonly accounts: Accounts;
  readonly throttle: LoginThrottle;
  readonly federation: Federation;
  readonly frame: PageFrame;
  readonly clock: Clock;
  readonly onEvent: (event: LoginEvent) => void;
}

const kindTexts = { totp: 'code', recovery: 'recovery code' } as const;
const WRONG = 'This name and password do not go together.';

export class Interactions {
  readonly #parts: InteractionParts;
  readonly #origin: string;
  readonly #names: ReturnType<typeof cookieNames>;
  readonly #federated: FederatedSteps;

  constructor(parts: InteractionParts) {
    this.#parts = parts;
    this.#origin = new URL(parts.config.issuer).origin;
    this.#names = cookieNames(parts.config);
    this.#federated = new FederatedSteps(parts, {
      show: (call, interaction, problem, status) => this.#show(call, interaction, problem, status),
      tell: (call, actor, interaction, outcome, reason) =>
        this.#tell(call, 'login', actor, interaction, outcome, reason),
    });
  }

  /** `step` is what follows the interaction's id in the path, without a slash; empty for the page itself. */
  async answer(call: PageCall, uid: string, step: string): Promise<void> {
    const { provider, request, response } = call;
    let interaction: Interaction;
    try {
      interaction = await provider.interactionDetails(request, response);
    } catch (error) {
      if (!(error instanceof errors.SessionNotFound)) throw error;
      throw new RequestError(
        400,
        'This page is too old, or belongs to another browser. Go back to the application.',
      );
    }
    if (interaction.uid !== uid) throw new RequestError(400, 'This page belongs to another request.');
    if (request.method === 'GET') {
      if (step === '') return this.#show(call, interaction, null);
      if (step.startsWith('federated/')) return this.#federated.start(call, interaction, step.slice(10));
    } else if (request.method === 'POST') {
      switch (step) {
        case 'login':
          return this.#password(call, interaction);
        case 'totp':
          return this.#code(call, interaction, 'totp');
        case 'recovery':
          return this.#code(call, interaction, 'recovery');
        case 'new-password':
          return this.#choose(call, interaction);
        case 'passkey/options':
          return this.#passkeyOptions(call, interaction);
        case 'passkey':
          return this.#passkey(call, interaction);
        case 'consent':
          return this.#consent(call, interaction);
        case 'abort':
          return this.#abort(call, interaction);
      }
    }
    throw new RequestError(404, 'There is no such page.');
  }

  // Pages.

  async #show(call: PageCall, interaction: Interaction, problem: string | null, status = 200): Promise<void> {
    const { frame, federation, accounts } = this.#parts;
    const { response } = call;
    const pending = pendingOf(interaction);
    const view = await this.#view(call, interaction, problem);
    const targets = [formTarget(interaction.params['redirect_uri'])].filter((target) => target !== null);
    if (interaction.prompt.name === 'login') {
      if (pending.complete === true && pending.user !== undefined)
        return this.#finish(call, interaction, pending.user, pending.amr ?? [], null);
      const { user } = pending;
      const text =
        user === undefined
          ? loginPage(frame, view, hintOf(interaction), federation.choices)
          : pending.needsFactor === true
            ? factorPage(frame, view, user, await accounts.factors(user))
            : choosePage(frame, view, user);
      return sendPage(response, text, status, targets);
    }
    if (interaction.prompt.name !== 'consent') throw new RequestError(400, 'There is nothing to decide.');
    const asked = askedOf(interaction, await accounts.user(interaction.session!.accountId));
    const redirectUri = interaction.params['redirect_uri'];
    const text = consentPage(frame, {
      ...view,
      user: interaction.session!.accountId,
      host: typeof redirectUri === 'string' && URL.canParse(redirectUri) ? new URL(redirectUri).host : '',
      scopes: asked.scopes.map((name) => ({ name, text: this.#parts.config.scopeTexts[name] ?? '' })),
      staysSignedIn: asked.offline,
    });
    return sendPage(response, text, status, targets);
  }

  async #view(
    { provider, seal }: PageCall,
    interaction: Interaction,
    problem: string | null,
  ): Promise<InteractionView> {
    const id = String(interaction.params['client_id']);
    const client = await provider.Client.find(id);
    return {
      path: `${this.#parts.frame.base}/interaction/${interaction.uid}`,
      csrf: csrfToken(seal, interaction.uid),
      client: client?.clientName ?? id,
      problem,
    };
  }

  // Signing in.

  async #form({ request, seal }: PageCall, interaction: Interaction): Promise<ReadonlyMap<string, string>> {
    const form = await readForm(request);
    checkOrigin(request, seal, interaction.uid, form.get('csrf'), this.#origin);
    return form;
  }

  async #password(call: PageCall, interaction: Interaction): Promise<void> {
    needsPrompt(interaction, 'login');
    const form = await this.#form(call, interaction);
    const name = form.get('user') ?? '';
    const { accounts } = this.#parts;
    // Before anything is written: in a storm even counting is too much.
    if (accounts.isBusy) return this.#comeAgain(call, interaction);
    const attempt = await this.#begin(call, interaction, 'password', name, form.get('password') ?? '');
    if (attempt === null) return;
    let user: Awaited<ReturnType<Accounts['byPassword']>>;
    try {
      user = await accounts.byPassword(name, form.get('password') ?? '');
    } catch (error) {
      await this.#parts.throttle.takeBack(attempt);
      if (!(error instanceof HasherBusyError)) throw error;
      return this.#comeAgain(call, interaction);
    }
    if (user === null) {
      this.#tell(call, 'login', name, interaction, 'failure', 'wrong name or password');
      return this.#show(call, interaction, WRONG, 400);
    }
    await this.#parts.throttle.succeed(attempt);
    const factors = await accounts.factors(user.id);
    if (factors.size === 0 && this.#parts.config.secondFactor === 'required') {
      this.#tell(call, 'login', user.id, interaction, 'failure', 'no second factor');
      return this.#show(
        call,
        interaction,
        'This account has no second factor yet, and needs one here. Ask whoever runs this server.',
        403,
      );
    }
    const mustChoose = await accounts.mustChoose(user.id);
    if (factors.size === 0 && !mustChoose)
      return this.#finish(call, interaction, user.id, ['pwd'], 'password');
    await keepPending(interaction, {
      user: user.id,
      amr: ['pwd'],
      needsFactor: factors.size > 0,
      mustChoose,
    });
    return this.#show(call, interaction, null);
  }

  #comeAgain(call: PageCall, interaction: Interaction): Promise<void> {
    call.response.setHeader('retry-after', '5');
    const text = 'Many people are signing in right now. Please try again in a moment.';
    return this.#show(call, interaction, text, 503);
  }

  /** A code of an authenticator app, or one of those for when there is none. */
  async #code(call: PageCall, interaction: Interaction, kind: 'totp' | 'recovery'): Promise<void> {
    needsPrompt(interaction, 'login');
    const form = await this.#form(call, interaction);
    const pending = pendingOf(interaction);
    const { user } = pending;
    if (user === undefined || pending.needsFactor !== true) return this.#show(call, interaction, null);
    const attempt = await this.#begin(call, interaction, 'factor', user);
    if (attempt === null) return;
    const { accounts, throttle } = this.#parts;
    const code = form.get('code') ?? '';
    const isGood = await (kind === 'totp'
      ? accounts.byTotp(user, code)
      : accounts.byRecoveryCode(user, code));
    if (!isGood) {
      this.#tell(call, 'login', user, interaction, 'failure', `wrong ${kindTexts[kind]}`);
      const once = kind === 'totp' ? 'Each works once, for half a minute.' : 'Each works once.';
      return this.#show(call, interaction, `This code is not good. ${once}`, 400);
    }
    await throttle.succeed(attempt);
    return this.#proceed(
      call,
      interaction,
      { ...pending, needsFactor: false, amr: ['pwd', 'otp', 'mfa'] },
      `password and ${kindTexts[kind]}`,
    );
  }

  /** On to what is still missing, or in. */
  async #proceed(call: PageCall, interaction: Interaction, pending: Pending, how: string): Promise<void> {
    if (pending.mustChoose !== true)
      return this.#finish(call, interaction, pending.user!, pending.amr ?? [], how);
    await keepPending(interaction, pending);
    return this.#show(call, interaction, null);
  }

  /** A password of one's own, in the place of one that somebody else has made. */
  async #choose(call: PageCall, interaction: Interaction): Promise<void> {
    needsPrompt(interaction, 'login');
    const form = await this.#form(call, interaction);
    const pending = pendingOf(interaction);
    const { user } = pending;
    if (user === undefined || pending.needsFactor === true || pending.mustChoose !== true)
      return this.#show(call, interaction, null);
    const next = form.get('next') ?? '';
    if (next !== form.get('again'))
      return this.#show(call, interaction, 'The two passwords are not the same.', 400);
    try {
      await this.#parts.accounts.choosePassword(user, next);
    } catch (error) {
      if (error instanceof HasherBusyError) return this.#comeAgain(call, interaction);
      if (error instanceof IdentityError) return this.#show(call, interaction, error.message, 400);
      throw error;
    }
    this.#tell(call, 'credential.change', user, interaction, 'success', 'temporary password replaced');
    return this.#finish(call, interaction, user, pending.amr ?? [], 'password');
  }

  async #passkeyOptions(call: PageCall, interaction: Interaction): Promise<void> {
    needsPrompt(interaction, 'login');
    this.#checkJson(call, interaction);
    await readJson(call.request);
    const pending = pendingOf(interaction);
    const options = await this.#parts.accounts.passkeyRequest(pending.user ?? null);
    await keepPending(interaction, { ...pending, challenge: options.challenge });
    sendJson(call.response, options);
  }

  async #passkey(call: PageCall, interaction: Interaction): Promise<void> {
    needsPrompt(interaction, 'login');
    this.#checkJson(call, interaction);
    const { response } = await readJson(call.request);
    const { challenge, ...pending } = pendingOf(interaction);
    if (challenge === undefined) throw new RequestError(400, 'There is no challenge.');
    // A challenge is used up, whatever comes of it.
    await keepPending(interaction, pending);
    const user = await this.#parts.accounts.byPasskey(response, challenge, pending.user ?? null);
    if (user === null) {
      this.#tell(call, 'login', pending.user ?? '', interaction, 'failure', 'passkey');
      throw new RequestError(400, 'The passkey did not work.');
    }
    const amr = pending.user === undefined ? ['pop', 'user'] : ['pwd', 'pop', 'user', 'mfa'];
    this.#tell(call, 'login', user.id, interaction, 'success', 'passkey');
    if (pending.mustChoose === true) {
      await keepPending(interaction, { ...pending, needsFactor: false, amr });
      return sendJson(call.response, { next: `${this.#parts.frame.base}/interaction/${interaction.uid}` });
    }
    rememberBrowser(call.request, call.response, call.seal, this.#names.known, user.id, this.#secure);
    const next = await call.provider.interactionResult(
      call.request,
      call.response,
      { login: { accountId: user.id, amr, acr: acrOf(amr) } },
      { mergeWithLastSubmission: false },
    );
    sendJson(call.response, { next });
  }

  #checkJson({ request, seal }: PageCall, interaction: Interaction): void {
    const token = request.headers['x-csrf-token'];
    checkOrigin(request, seal, interaction.uid, typeof token === 'string' ? token : undefined, this.#origin);
  }

  /** Counts an attempt; null when it must wait, which has been answered. */
  async #begin(
    call: PageCall,
    interaction: Interaction,
    stage: 'password' | 'factor',
    account: string,
    secret = '',
  ): Promise<LoginAttempt | null> {
    const { throttle, clock } = this.#parts;
    const device = knownBrowser(call.request, call.seal, this.#names.known, account);
    const verdict = await throttle.begin(stage, account, call.address, device, clock.epochMs(), secret);
    if (verdict.kind === 'go') return verdict.attempt;
    const waitS = Math.ceil(verdict.retryMs / 1000);
    call.response.setHeader('retry-after', String(waitS));
    this.#tell(call, 'login', account, interaction, 'failure', `too many attempts by ${verdict.reason}`);
    const wait = waitS < 120 ? `${waitS} seconds` : `${Math.ceil(waitS / 60)} minutes`;
    await this.#show(
      call,
      interaction,
      `There were too many attempts. Please wait ${wait}. A passkey works at once.`,
      429,
    );
    return null;
  }

  get #secure(): boolean {
    return this.#origin.startsWith('https:');
  }

  async #finish(
    call: PageCall,
    interaction: Interaction,
    user: string,
    amr: readonly string[],
    how: string | null,
  ): Promise<void> {
    const { provider, request, response, seal } = call;
    if (how !== null) {
      rememberBrowser(request, response, seal, this.#names.known, user, this.#secure);
      this.#tell(call, 'login', user, interaction, 'success', how);
    }
    await provider.interactionFinished(
      request,
      response,
      { login: { accountId: user, amr: [...amr], acr: acrOf(amr) } },
      { mergeWithLastSubmission: false },
    );
  }

  /** The browser comes back from another provider. */
  federated(call: PageCall, name: string, search: string): Promise<void> {
    return this.#federated.finish(call, name, search);
  }

  async #consent(call: PageCall, interaction: Interaction): Promise<void> {
    needsPrompt(interaction, 'consent');
    await this.#form(call, interaction);
    const { provider, request, response } = call;
    const user = await this.#parts.accounts.user(interaction.session!.accountId);
    if (user === null) throw new RequestError(403, 'This account is closed.');
    const grantId = await grantAsked(provider, interaction, user);
    this.#tell(call, 'consent', user.id, interaction, 'success', '');
    await provider.interactionFinished(
      request,
      response,
      { consent: grantId === null ? {} : { grantId } },
      { mergeWithLastSubmission: true },
    );
  }

  async #abort(call: PageCall, interaction: Interaction): Promise<void> {
    await this.#form(call, interaction);
    const { provider, request, response } = call;
    this.#tell(
      call,
      interaction.prompt.name,
      interaction.session?.accountId ?? '',
      interaction,
      'failure',
      'aborted',
    );
    await provider.interactionFinished(
      request,
      response,
      { error: 'access_denied', error_description: 'the person did not allow it' },
      { mergeWithLastSubmission: false },
    );
  }

  #tell(
    { address }: PageCall,
    action: string,
    actor: string,
    interaction: Interaction,
    outcome: LoginEvent['outcome'],
    reason: string,
  ): void {
    const target = String(interaction.params['client_id']);
    this.#parts.onEvent({ action, actor: actor.slice(0, 200), target, outcome, reason, address });
  }
}
