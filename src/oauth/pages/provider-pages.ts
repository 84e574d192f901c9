// Pages that oidc-provider asks for: errors, signing out, and the codes of devices. What it makes itself (a form that
// submits itself) loses its inline script.
import type { Client, KoaContextWithOIDC } from 'oidc-provider';
import { html } from './html.ts';
import { alert, formTarget, type PageFrame, page, pageFields } from './layout.ts';

/** The secret that oidc-provider puts into its forms against forgery. */
const xsrfOf = (form: string): string => /name="xsrf" value="([^"]*)"/.exec(form)?.[1] ?? '';

const inlineSubmit = /<script>[\s\S]*?<\/script>/;

export class ProviderPages {
  readonly #frame: PageFrame;
  readonly #wrongCodes = new WeakSet<object>();

  constructor(frame: PageFrame) {
    this.#frame = frame;
  }

  #send(ctx: KoaContextWithOIDC, text: string): void {
    ctx.type = 'html';
    ctx.body = text;
  }

  /** Fields of whatever page goes out. */
  harden(ctx: KoaContextWithOIDC): void {
    const type = String(ctx.response.get('content-type') ?? '');
    if (!type.startsWith('text/html') || typeof ctx.body !== 'string') return;
    if (inlineSubmit.test(ctx.body))
      ctx.body = ctx.body.replace(
        inlineSubmit,
        `<script src="${this.#frame.base}/assets/submit.js" defer></script>`,
      );
    const redirect = formTarget(ctx.oidc?.params?.['redirect_uri']);
    const after = formTarget(ctx.oidc?.params?.['post_logout_redirect_uri']);
    ctx.set(pageFields([redirect, after].filter((target) => target !== null)));
  }

  error(
    ctx: KoaContextWithOIDC,
    out: { readonly error: string; readonly error_description?: string | undefined },
    _error: Error,
  ): void {
    const isOurs = ctx.status >= 500;
    this.#send(
      ctx,
      page(this.#frame, {
        heading: isOurs ? 'Something went wrong' : 'This request can not be answered',
        body: html`<p>${
          isOurs
            ? 'It is not your fault. Please try again in a moment.'
            : 'The application that sent you here asked for something that is not allowed, or too late. Go back to it and start again.'
        }</p>
<p class="quiet">For its makers: <code>${out.error}</code>${
          out.error_description === undefined || isOurs ? null : html`, ${out.error_description}`
        }.</p>`,
      }),
    );
  }

  /** Whether the code of a device in this request was not good. */
  hadWrongCode(request: object): boolean {
    return this.#wrongCodes.has(request);
  }

  userCode(ctx: KoaContextWithOIDC, form: string, error?: Error & { readonly userCode?: unknown }): void {
    if (error !== undefined && error.name !== 'AbortedError') this.#wrongCodes.add(ctx.req);
    const problem =
      error === undefined
        ? null
        : error.name === 'AbortedError'
          ? 'The device was refused.'
          : 'This code is not good. Look at the device again: it may show a new one by now.';
    this.#send(
      ctx,
      page(this.#frame, {
        heading: 'Connect a device',
        body: html`${problem === null ? null : alert(problem)}
<p>Enter the code that your device shows.</p>
<form method="post" action="${this.#frame.base}/device">
<input type="hidden" name="xsrf" value="${xsrfOf(form)}">
<label for="user_code">Code</label>
<input class="code" id="user_code" name="user_code" autocomplete="off" autocapitalize="characters" spellcheck="false" required maxlength="20">
<button type="submit">Continue</button>
</form>`,
        foot: html`Nobody from support will ever give you a code to enter here.`,
      }),
    );
  }

  confirmDevice(
    ctx: KoaContextWithOIDC,
    form: string,
    client: Client,
    device: Readonly<Record<string, unknown>>,
    code: string,
  ): void {
    const from = String(device['address'] ?? '');
    this.#send(
      ctx,
      page(this.#frame, {
        heading: 'Is this your device?',
        body: html`<p><strong>${client.clientName ?? client.clientId}</strong> on a device${
          from === '' ? null : html` at the address <code>${from}</code>`
        } wants to act for you. It must show exactly this code:</p>
<code class="big">${code}</code>
<p class="note">Go on only if the device is in front of you and you have just started this yourself. If somebody sent you this code or a link, it is an attempt to get into your account.</p>
<div class="row">
<form method="post" action="${this.#frame.base}/device"><input type="hidden" name="xsrf" value="${xsrfOf(form)}"><input type="hidden" name="user_code" value="${code}"><button class="second" type="submit" name="abort" value="yes">No, refuse it</button></form>
<form method="post" action="${this.#frame.base}/device"><input type="hidden" name="xsrf" value="${xsrfOf(form)}"><input type="hidden" name="user_code" value="${code}"><input type="hidden" name="confirm" value="yes"><button type="submit">Yes, it shows this code</button></form>
</div>`,
      }),
    );
  }

  deviceDone(ctx: KoaContextWithOIDC): void {
    this.#send(
      ctx,
      page(this.#frame, {
        heading: 'Device connected',
        body: html`<p>Your device goes on by itself. You can close this page.</p>`,
      }),
    );
  }

  logout(ctx: KoaContextWithOIDC, form: string): void {
    const action = `${this.#frame.base}/logout/confirm`;
    const hidden = html`<input type="hidden" name="xsrf" value="${xsrfOf(form)}">`;
    this.#send(
      ctx,
      page(this.#frame, {
        heading: 'Sign out?',
        body: html`<p>This ends your session here, and in the applications that you came to through it.</p>
<div class="row">
<form method="post" action="${action}">${hidden}<button class="second" type="submit">Stay signed in</button></form>
<form method="post" action="${action}">${hidden}<input type="hidden" name="logout" value="yes"><button type="submit">Sign out</button></form>
</div>`,
      }),
    );
  }

  loggedOut(ctx: KoaContextWithOIDC): void {
    this.#send(
      ctx,
      page(this.#frame, { heading: 'Signed out', body: html`<p>You can close this page.</p>` }),
    );
  }
}
