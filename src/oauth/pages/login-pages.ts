// Pages of an interaction: signing in, the second factor, and what an application may do.

import { type Html, html } from './html.ts';
import { alert, type PageFrame, page } from './layout.ts';

export interface InteractionView {
  /** Path of this interaction. */
  readonly path: string;
  readonly csrf: string;
  /** Application, for people. */
  readonly client: string;
  readonly problem: string | null;
}

const hiddenCsrf = (csrf: string): Html => html`<input type="hidden" name="csrf" value="${csrf}">`;

const cancel = ({ path, csrf }: InteractionView): Html =>
  html`<form method="post" action="${path}/abort">${hiddenCsrf(csrf)}<button class="second" type="submit">Cancel</button></form>`;

const passkeyFailure = html`<p class="alert" role="alert" data-passkey-failure hidden>The passkey did not work. Try again, or use another way.</p>`;

export function loginPage(
  frame: PageFrame,
  view: InteractionView,
  user: string,
  providers: readonly { readonly name: string; readonly label: string }[],
): string {
  const { path, csrf, client, problem } = view;
  return page(frame, {
    heading: 'Sign in',
    script: 'passkey.js',
    body: html`<p>to continue to <strong>${client}</strong></p>
${problem === null ? null : alert(problem)}${passkeyFailure}
<form method="post" action="${path}/login">
${hiddenCsrf(csrf)}
<label for="user">Name</label>
<input id="user" name="user" value="${user}" autocomplete="username webauthn" autocapitalize="none" spellcheck="false" required maxlength="200">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required maxlength="256">
<button type="submit">Sign in</button>
</form>
<div data-with-passkey hidden><p class="or">or</p>
<button class="second" type="button" data-passkey="${path}/passkey" data-csrf="${csrf}" data-kind="get">Sign in with a passkey</button></div>
${providers.map(
  ({ name, label }) =>
    html`<a class="button second" href="${path}/federated/${encodeURIComponent(name)}">Sign in with ${label}</a>`,
)}
${cancel(view)}`,
  });
}

export function factorPage(
  frame: PageFrame,
  view: InteractionView,
  user: string,
  factors: ReadonlySet<'totp' | 'passkey' | 'recovery'>,
): string {
  const { path, csrf, problem } = view;
  const hasPasskey = factors.has('passkey');
  return page(frame, {
    heading: 'One more step',
    script: hasPasskey ? 'passkey.js' : null,
    body: html`<p>You are signing in as <strong>${user}</strong>.</p>
${problem === null ? null : alert(problem)}${hasPasskey ? passkeyFailure : null}
${
  factors.has('totp')
    ? html`<form method="post" action="${path}/totp">
${hiddenCsrf(csrf)}
<label for="code">Code of your authenticator app</label>
<input class="code" id="code" name="code" inputmode="numeric" autocomplete="one-time-code" pattern="[0-9 ]*" required maxlength="10" autofocus>
<button type="submit">Continue</button>
</form>`
    : null
}
${
  hasPasskey
    ? html`<div data-with-passkey hidden>${factors.has('totp') ? html`<p class="or">or</p>` : null}
<button class="${factors.has('totp') ? 'second' : 'first'}" type="button" data-passkey="${path}/passkey" data-csrf="${csrf}" data-kind="get">Use your passkey</button></div>
<noscript><p class="note">Passkeys need JavaScript.</p></noscript>`
    : null
}
${
  factors.has('recovery')
    ? html`<details class="other"><summary>Use a recovery code</summary>
<form method="post" action="${path}/recovery">
${hiddenCsrf(csrf)}
<label for="recovery">One of the codes that you have written down</label>
<input class="recovery" id="recovery" name="code" autocomplete="off" autocapitalize="none" spellcheck="false" required maxlength="40">
<button class="second" type="submit">Continue with it</button>
</form></details>`
    : null
}
${cancel(view)}`,
  });
}

/** Somebody came in with a password that somebody else has made. */
export function choosePage(frame: PageFrame, view: InteractionView, user: string): string {
  const { path, csrf, problem } = view;
  return page(frame, {
    heading: 'Choose a password',
    body: html`<p>You came in as <strong>${user}</strong> with a password that was made for you. It ends here: choose one that only you know.</p>
${problem === null ? null : alert(problem)}
<form method="post" action="${path}/new-password">
${hiddenCsrf(csrf)}
<input type="hidden" name="user" autocomplete="username" value="${user}">
<label for="next">New password</label>
<input id="next" name="next" type="password" autocomplete="new-password" required minlength="12" maxlength="256" aria-describedby="rule" autofocus>
<p class="quiet hint" id="rule">At least 12 characters. A few words are good.</p>
<label for="again">The same again</label>
<input id="again" name="again" type="password" autocomplete="new-password" required minlength="12" maxlength="256">
<button type="submit">Continue</button>
</form>
${cancel(view)}`,
  });
}

export interface ConsentView extends InteractionView {
  readonly user: string;
  /** Host that the application's answers go to. */
  readonly host: string;
  readonly scopes: readonly { readonly name: string; readonly text: string }[];
  readonly staysSignedIn: boolean;
}

export function consentPage(frame: PageFrame, view: ConsentView): string {
  const { path, csrf, client, user, host, scopes, staysSignedIn } = view;
  return page(frame, {
    heading: `Allow ${client}?`,
    body: html`<p>You are signed in as <strong>${user}</strong>. <strong>${client}</strong>${
      host === '' ? null : html` at <code>${host}</code>`
    } asks to:</p>
<ul class="scopes">
<li>Know who you are here</li>
${scopes.map(({ name, text }) =>
  text === ''
    ? html`<li><code>${name}</code></li>`
    : html`<li>${text} <span class="quiet">(<code>${name}</code>)</span></li>`,
)}
${staysSignedIn ? html`<li>Go on while you are away</li>` : null}
</ul>
<div class="row">
<form method="post" action="${path}/abort">${hiddenCsrf(csrf)}<button class="second" type="submit">Do not allow</button></form>
<form method="post" action="${path}/consent">${hiddenCsrf(csrf)}<button type="submit">Allow</button></form>
</div>`,
    foot: html`You can take it back at any time in <a href="${frame.base}/account">your account</a>.`,
  });
}

export const messagePage = (frame: PageFrame, heading: string, text: string): string =>
  page(frame, { heading, body: html`<p>${text}</p>` });
