// Steps of an interaction that leads over another provider: out, and back with what the provider says.
import type { Clock } from '../core/index.ts';
import { IdentityError } from '../identity/index.ts';
import type { Accounts } from './accounts.ts';
import type { AuthorizationServerConfig } from './contract.ts';
import type { FederatedStart, Federation } from './federation.ts';
import { type Interaction, keepPending, type LoginEvent, needsPrompt, type PageCall } from './interaction.ts';
import type { PageFrame } from './pages/layout.ts';
import { cookieNames } from './provider.ts';
import { cookieOf, RequestError, redirect, setCookie } from './web.ts';

export interface FederatedParts {
  readonly config: AuthorizationServerConfig;
  readonly accounts: Accounts;
  readonly federation: Federation;
  readonly frame: PageFrame;
  readonly clock: Clock;
}

/** What the interaction's pages do for these steps. */
export interface FederatedPages {
  show(call: PageCall, interaction: Interaction, problem: string, status: number): Promise<void>;
  tell(
    call: PageCall,
    actor: string,
    interaction: Interaction,
    outcome: LoginEvent['outcome'],
    reason: string,
  ): void;
}

const COOKIE_S = 600;

export class FederatedSteps {
  readonly #parts: FederatedParts;
  readonly #pages: FederatedPages;
  readonly #cookie: string;
  readonly #secure: boolean;

  constructor(parts: FederatedParts, pages: FederatedPages) {
    this.#parts = parts;
    this.#pages = pages;
    this.#cookie = cookieNames(parts.config).federated;
    this.#secure = parts.config.issuer.startsWith('https:');
  }

  /** Sends the browser to the provider `name`. */
  async start(call: PageCall, interaction: Interaction, name: string): Promise<void> {
    needsPrompt(interaction, 'login');
    let begun: Awaited<ReturnType<Federation['start']>>;
    try {
      begun = await this.#parts.federation.start(name, interaction.uid);
    } catch {
      const text = 'The other provider does not answer. Please try again.';
      return this.#pages.show(call, interaction, text, 502);
    }
    if (begun === null) throw new RequestError(404, 'There is no such provider.');
    const sealed = call.seal.close('federated', { ...begun.start });
    setCookie(call.response, this.#cookie, sealed ?? '', COOKIE_S, this.#secure);
    redirect(call.response, begun.url);
  }

  /** The browser comes back from the provider. */
  async finish(call: PageCall, name: string, search: string): Promise<void> {
    const { provider, request, response, seal } = call;
    const start = seal.open('federated', cookieOf(request, this.#cookie)) as FederatedStart | null;
    setCookie(response, this.#cookie, '', 0, this.#secure);
    if (start === null) throw new RequestError(400, 'This answer was not asked for in this browser.');
    const interaction = await provider.Interaction.find(start.uid);
    if (interaction === undefined)
      throw new RequestError(400, 'This took too long. Go back to the application.');
    needsPrompt(interaction, 'login');
    let user: string;
    try {
      user = await this.#parts.federation.finish(name, search, start);
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'refused';
      this.#pages.tell(call, '', interaction, 'failure', `${name}: ${reason}`);
      throw new RequestError(
        403,
        error instanceof IdentityError
          ? `You can not sign in this way: ${error.message}.`
          : 'The other provider did not let you in. Go back to the application and try again.',
      );
    }
    if ((await this.#parts.accounts.user(user)) === null)
      throw new RequestError(403, 'This account is closed.');
    this.#pages.tell(call, user, interaction, 'success', `provider ${name}`);
    await keepPending(interaction, { user, complete: true, amr: ['fed'] });
    // Only the browser that began the interaction has its cookie, and can go on.
    redirect(response, `${this.#parts.frame.base}/interaction/${start.uid}`);
  }
}
