// The frame of every page, and the answer fields that keep others out of it.
import { type Html, html } from './html.ts';

export interface PageFrame {
  /** For people, at the top. */
  readonly title: string;
  /** Path in front of the server's own paths, `` or `/x`. */
  readonly base: string;
}

export interface PageOptions {
  readonly heading: string;
  readonly body: Html;
  readonly isWide?: boolean;
  readonly script?: 'passkey.js' | 'submit.js' | null;
  /** Below the card. */
  readonly foot?: Html | null;
}

export function page(frame: PageFrame, options: PageOptions): string {
  const { heading, body, isWide = false, script = null, foot = null } = options;
  const width = isWide ? 'wide' : 'narrow';
  return `<!doctype html>\n${
    html`<html lang="en">
<head>
<meta charset="utf-8">
<title>${heading} · ${frame.title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<link rel="stylesheet" href="${frame.base}/assets/style.css">
${script === null ? null : html`<script src="${frame.base}/assets/${script}" defer></script>`}
</head>
<body>
<header class="${width}">${frame.title}</header>
<main class="${width}">
<h1>${heading}</h1>
${body}
</main>
${foot === null ? null : html`<footer class="${width}">${foot}</footer>`}
</body>
</html>
`.text
  }`;
}

export const alert = (text: string): Html => html`<p class="alert" role="alert">${text}</p>`;

/**
 * Answer fields of pages. `formTargets` are origins (or schemes) that a form's answer may lead to: browsers hold
 * redirects to `form-action` too.
 */
export function pageFields(formTargets: readonly string[] = []): Record<string, string> {
  const targets = ["'self'", ...formTargets].join(' ');
  return {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy':
      "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; " +
      `form-action ${targets}; base-uri 'none'; frame-ancestors 'none'`,
    'x-frame-options': 'DENY',
    'x-content-type-options': 'nosniff',
    // Forms must tell where they come from, and nobody else learns of paths.
    'referrer-policy': 'same-origin',
    'cache-control': 'no-store',
    'permissions-policy':
      'publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), microphone=(), geolocation=()',
    'cross-origin-resource-policy': 'same-origin',
  };
}

/** Where a redirect URI leads, as a source of `form-action`; null for what must not stand in a policy. */
export function formTarget(uri: unknown): string | null {
  if (typeof uri !== 'string' || !URL.canParse(uri)) return null;
  const { protocol, origin } = new URL(uri);
  const source = protocol === 'https:' || protocol === 'http:' ? origin : protocol;
  return /^[A-Za-z0-9:/.\-+[\]]+$/.test(source) ? source : null;
}
