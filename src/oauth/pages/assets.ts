// What pages load: one style sheet and two scripts, all of the server's own origin, so that the Content-Security-Policy needs
// no exception. Pages work without scripts, other than passkeys, which are nothing without.
import { hash } from 'node:crypto';

const style = `
:root { color-scheme: light dark; --ground: #f3f5f8; --card: #ffffff; --text: #16202e; --quiet: #4b5768; --line: #c3cad4;
  --field: #7b8797; --accent: #1a4fb4; --accent-strong: #153f90; --on-accent: #ffffff; --bad: #a3161f; --bad-ground: #fdeceb; --note-ground: #eef3fc; }
@media (prefers-color-scheme: dark) { :root { --ground: #10151d; --card: #19212c; --text: #e9eef5; --quiet: #aab6c6; --line: #36414f;
  --field: #7d8b9d; --accent: #8ab4ff; --accent-strong: #b0ccff; --on-accent: #0c1626; --bad: #ffb1ab; --bad-ground: #3a1c1e; --note-ground: #1c2a41; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; min-height: 100vh; display: flex; flex-direction: column; align-items: center; background: var(--ground); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; padding: 1.25rem 1rem 2rem; }
header, main, footer { width: 100%; max-width: 26rem; }
header { margin: 2.5rem 0 1rem; font-weight: 600; color: var(--quiet); letter-spacing: .01em; overflow-wrap: anywhere; }
main { background: var(--card); border: 1px solid var(--line); border-radius: .75rem; padding: 1.75rem; }
main.wide, header.wide, footer.wide { max-width: 38rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.1rem; margin: 1.75rem 0 .5rem; }
p { margin: 0 0 1rem; overflow-wrap: anywhere; }
.quiet, footer { color: var(--quiet); font-size: .9rem; }
footer { margin-top: 1rem; }
label { display: block; font-weight: 600; margin: 1rem 0 .35rem; }
input:not([type=hidden]) { width: 100%; font: inherit; color: inherit; background: var(--card); border: 1px solid var(--field); border-radius: .5rem; padding: .65rem .75rem; min-height: 2.75rem; }
input.code { font-size: 1.4rem; letter-spacing: .2em; text-transform: uppercase; font-variant-numeric: tabular-nums; }
button, a.button { display: block; width: 100%; min-height: 2.75rem; margin-top: 1rem; padding: .6rem 1rem; border: 1px solid var(--accent); border-radius: .5rem;
  background: var(--accent); color: var(--on-accent); font: inherit; font-weight: 600; text-align: center; text-decoration: none; cursor: pointer; }
button:hover, a.button:hover { background: var(--accent-strong); border-color: var(--accent-strong); }
button.second, a.button.second { background: transparent; color: var(--accent); border-color: var(--line); }
button.second:hover, a.button.second:hover { border-color: var(--accent); background: transparent; }
button.bad { background: transparent; color: var(--bad); border-color: var(--line); }
button.bad:hover { border-color: var(--bad); }
button.small { width: auto; white-space: nowrap; margin: 0; min-height: 2.25rem; padding: .25rem .75rem; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
a { color: var(--accent); }
.alert { border-left: 4px solid var(--bad); background: var(--bad-ground); border-radius: .25rem; padding: .75rem 1rem; margin: 0 0 1rem; }
.note { border-left: 4px solid var(--accent); background: var(--note-ground); border-radius: .25rem; padding: .75rem 1rem; margin: 0 0 1rem; }
.or { display: flex; align-items: center; gap: .75rem; color: var(--quiet); margin: 1.25rem 0 .25rem; font-size: .9rem; }
.or::before, .or::after { content: ""; flex: 1; border-top: 1px solid var(--line); }
ul.scopes, ul.things { list-style: none; margin: 0 0 1rem; padding: 0; border: 1px solid var(--line); border-radius: .5rem; }
ul.scopes li, ul.things li { padding: .65rem .9rem; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
ul.scopes li:first-child, ul.things li:first-child { border-top: 0; }
ul.things li { display: flex; justify-content: space-between; align-items: center; gap: 1rem; }
ul.things form { margin: 0; flex: none; }
ul.codes { list-style: none; margin: 0 0 1rem; padding: .75rem 1rem; border: 1px dashed var(--field); border-radius: .5rem; columns: 2 12rem; }
ul.codes code { font-size: 1rem; }
.hint { margin: .35rem 0 0; }
details.other { margin-top: 1.25rem; }
summary { cursor: pointer; color: var(--accent); font-weight: 600; min-height: 2.75rem; display: flex; align-items: center; }
summary::before { content: "+"; margin-right: .5rem; }
details[open] summary::before { content: "\\2212"; }
input.recovery { font-family: ui-monospace, "Liberation Mono", Menlo, monospace; }
code { font-family: ui-monospace, "Liberation Mono", Menlo, monospace; font-size: .9em; overflow-wrap: anywhere; }
.big { display: block; font-size: 1.75rem; letter-spacing: .12em; text-align: center; padding: .75rem; border: 1px dashed var(--field); border-radius: .5rem; margin: 0 0 1rem; }
.row { display: grid; grid-template-columns: 1fr 1fr; gap: .75rem; margin-top: .5rem; }
.row form { margin: 0; }
.row button { margin-top: .5rem; }
[hidden] { display: none !important; }
@media (max-width: 26rem) { header { margin-top: 1rem; } main { padding: 1.25rem; } .row { grid-template-columns: 1fr; } }
`;

const submit = `document.addEventListener('DOMContentLoaded', () => { document.forms[0]?.submit(); });
`;

const passkey = `// Passkeys: asks the server for a challenge, the browser for a signature, and sends it back.
const button = document.querySelector('[data-passkey]');
const failure = document.querySelector('[data-passkey-failure]');
const post = async (url, body) => {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-csrf-token': button.dataset.csrf },
    body: JSON.stringify(body),
    credentials: 'same-origin',
  });
  if (!answer.ok) throw new Error('refused');
  return answer.json();
};
if (button && window.PublicKeyCredential && PublicKeyCredential.parseRequestOptionsFromJSON) {
  for (const part of document.querySelectorAll('[data-with-passkey]')) part.hidden = false;
  button.addEventListener('click', async () => {
    if (failure) failure.hidden = true;
    button.disabled = true;
    try {
      const options = await post(button.dataset.passkey + '/options', {});
      const label = document.querySelector('[data-passkey-label]')?.value ?? '';
      const made = button.dataset.kind === 'create'
        ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
        : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
      const { next } = await post(button.dataset.passkey, { response: made.toJSON(), label });
      location.assign(next);
    } catch {
      if (failure) failure.hidden = false;
      button.disabled = false;
      button.focus();
    }
  });
}
`;

export interface Asset {
  readonly type: string;
  readonly body: string;
  readonly etag: string;
}

const asset = (type: string, body: string): Asset => ({
  type,
  body,
  etag: `"${hash('sha256', body, 'base64url').slice(0, 22)}"`,
});

export const assets: ReadonlyMap<string, Asset> = new Map([
  ['style.css', asset('text/css; charset=utf-8', style)],
  ['submit.js', asset('text/javascript; charset=utf-8', submit)],
  ['passkey.js', asset('text/javascript; charset=utf-8', passkey)],
]);
