// The page where people see and change how they sign in.

import type { UserCredential } from '../contract.ts';
import { type Html, html } from './html.ts';
import { alert, type PageFrame, page } from './layout.ts';

export interface AccountView {
  readonly user: string;
  readonly csrf: string;
  readonly credentials: readonly UserCredential[];
  /** Secret of an app that is being added, and its URI. */
  readonly totp: { readonly secret: string; readonly uri: string; readonly sealed: string } | null;
  /** Recovery codes that were made right now. */
  readonly codes: readonly string[];
  readonly problem: string | null;
  readonly done: string | null;
}

const kinds = {
  password: 'Password',
  totp: 'Authenticator app',
  passkey: 'Passkey',
  recovery: 'Recovery code',
};
const day = (ms: number | null): string => (ms === null ? 'never' : new Date(ms).toISOString().slice(0, 10));

export function accountPage(frame: PageFrame, view: AccountView): string {
  const { user, problem, done, totp, codes } = view;
  const credentials = view.credentials.filter(({ kind }) => kind !== 'recovery');
  const codesLeft = view.credentials.length - credentials.length;
  const hasFactor = credentials.some(({ kind }) => kind !== 'password');
  const path = `${frame.base}/account`;
  const csrf = html`<input type="hidden" name="csrf" value="${view.csrf}">`;
  const row = ({ id, kind, label, createdMs, usedMs }: UserCredential): Html =>
    html`<li><span><strong>${kinds[kind]}</strong>${label === '' ? null : html` ${label}`}<br><span class="quiet">since ${day(createdMs)}, last used ${day(usedMs)}</span></span>${
      kind === 'password'
        ? null
        : html`<form method="post" action="${path}/remove">${csrf}<input type="hidden" name="id" value="${id}"><button class="bad small" type="submit" aria-label="Remove ${kinds[kind]} ${label}">Remove</button></form>`
    }</li>`;
  return page(frame, {
    heading: 'Your account',
    isWide: true,
    script: 'passkey.js',
    body: html`<p>You are signed in as <strong>${user}</strong>.</p>
${problem === null ? null : alert(problem)}${done === null ? null : html`<p class="note" role="status">${done}</p>`}
<p class="alert" role="alert" data-passkey-failure hidden>The passkey could not be added.</p>
<h2>How you sign in</h2>
<ul class="things">${credentials.map(row)}</ul>
<h2>Passkey</h2>
<div data-with-passkey hidden>
<label for="passkey-label">Name of the new passkey</label>
<input id="passkey-label" data-passkey-label maxlength="60" value="This device" autocomplete="off">
<button class="second" type="button" data-passkey="${path}/passkey" data-csrf="${view.csrf}" data-kind="create">Add a passkey</button>
</div>
<noscript><p>Passkeys need JavaScript.</p></noscript>
<h2>Authenticator app</h2>
${
  totp === null
    ? html`<form method="post" action="${path}/totp">${csrf}<button class="second" type="submit">Add an authenticator app</button></form>`
    : html`<p>Enter this key in the app, or open <a href="${totp.uri}">this link</a> on the device that has it. Then enter the code that it shows.</p>
<p><code>${totp.secret.replace(/(.{4})(?=.)/g, '$1 ')}</code></p>
<form method="post" action="${path}/totp">${csrf}<input type="hidden" name="secret" value="${totp.sealed}">
<label for="code">Code of the app</label>
<input class="code" id="code" name="code" inputmode="numeric" autocomplete="one-time-code" required maxlength="10">
<button type="submit">Add it</button></form>`
}
<h2>Recovery codes</h2>
${
  codes.length > 0
    ? html`<p class="note" role="status">Write these down or print them. They are shown once, each works once, and those of before have ended.</p>
<ul class="codes">${codes.map((code) => html`<li><code>${code}</code></li>`)}</ul>`
    : hasFactor
      ? html`<p>They let you in when your second factor is lost. You have <strong>${codesLeft}</strong> left.</p>`
      : html`<p>They stand in for a second factor. Add a passkey or an authenticator app first.</p>`
}
${hasFactor ? html`<form method="post" action="${path}/recovery">${csrf}<button class="second" type="submit">Make new recovery codes</button></form>` : null}
<h2>Password</h2>
<form method="post" action="${path}/password">${csrf}
<input type="hidden" name="user" autocomplete="username" value="${user}">
<label for="current">Password now</label>
<input id="current" name="current" type="password" autocomplete="current-password" required maxlength="256">
<label for="next">New password</label>
<input id="next" name="next" type="password" autocomplete="new-password" required minlength="12" maxlength="256">
<button class="second" type="submit">Change the password</button></form>
<h2>Applications</h2>
<form method="post" action="${path}/withdraw">${csrf}
<p>Takes back all that you have allowed, and ends every session of yours, this one as well.</p>
<button class="bad" type="submit">Sign out everywhere</button></form>`,
  });
}
