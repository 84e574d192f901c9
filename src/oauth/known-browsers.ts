// A browser that has got into an account keeps sealed proof of it, so that strangers who fail at the account do not stand
// in its way. The proof opens nothing by itself.
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TextSeal } from '../credentials/index.ts';
import { cookieOf, setCookie } from './web.ts';

const PURPOSE = 'known-browser';
const KEPT_S = 180 * 86_400;
/** Accounts that one browser is known to. */
const MAX_ACCOUNTS = 8;

function read(request: IncomingMessage, seal: TextSeal, cookie: string): [string, string][] {
  const opened = seal.open(PURPOSE, cookieOf(request, cookie));
  const known = opened?.['known'];
  return Array.isArray(known) ? (known as [string, string][]) : [];
}

/** Id of this browser for the account; empty where it does not know it. */
export function knownBrowser(
  request: IncomingMessage,
  seal: TextSeal,
  cookie: string,
  account: string,
): string {
  const name = account.normalize('NFKC').toLowerCase();
  return read(request, seal, cookie).find(([user]) => user.toLowerCase() === name)?.[1] ?? '';
}

export function rememberBrowser(
  request: IncomingMessage,
  response: ServerResponse,
  seal: TextSeal,
  cookie: string,
  user: string,
  secure: boolean,
): void {
  const others = read(request, seal, cookie).filter(([known]) => known !== user);
  const value = seal.close(PURPOSE, {
    known: [[user, randomBytes(12).toString('base64url')], ...others].slice(0, MAX_ACCOUNTS),
  });
  if (value !== null) setCookie(response, cookie, value, KEPT_S, secure);
}
