// What the steps of an interaction share: the request they answer, what they tell of it, and what was done before, which
// stands in the interaction on the server.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Provider } from 'oidc-provider';
import type { TextSeal } from '../credentials/index.ts';
import { RequestError } from './web.ts';

export interface LoginEvent {
  readonly action: string;
  readonly actor: string;
  readonly target: string;
  readonly outcome: 'success' | 'failure';
  readonly reason: string;
  readonly address: string;
}

/** What one request of the pages comes with. */
export interface PageCall {
  readonly provider: Provider;
  readonly seal: TextSeal;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly address: string;
}

export type Interaction = Awaited<ReturnType<Provider['interactionDetails']>>;

/** Steps done before the last; kept in the interaction. */
export interface Pending {
  readonly user?: string;
  /** The second factor has not been shown yet. */
  readonly needsFactor?: boolean;
  /** The password was made by somebody else, and another must be chosen. */
  readonly mustChoose?: boolean;
  /** Everything that is needed is shown; the browser only has to come back. */
  readonly complete?: boolean;
  readonly amr?: readonly string[];
  readonly challenge?: string;
}

export const pendingOf = (interaction: Interaction): Pending =>
  ((interaction.result as { pending?: Pending } | undefined)?.pending ?? {}) as Pending;

export async function keepPending(interaction: Interaction, pending: Pending): Promise<void> {
  interaction.result = { pending } as never;
  await interaction.save(Math.max(1, interaction.exp! - Math.floor(Date.now() / 1000)));
}

export function needsPrompt(interaction: Interaction, name: 'login' | 'consent'): void {
  if (interaction.prompt.name !== name) throw new RequestError(400, 'This step was done before.');
}

export function hintOf(interaction: Interaction): string {
  const hint = interaction.params['login_hint'];
  return typeof hint === 'string' ? hint.slice(0, 200) : '';
}
