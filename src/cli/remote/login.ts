// Logins at control planes elsewhere: an address and a key of its state, in a file that only this user may read. Whoever issued the
// key can revoke it at any time.
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { CommandError, Exit, print, printable, printJson } from '../output.ts';
import { table } from '../state.ts';
import { callRemote } from './client.ts';

type Options = Readonly<Record<string, unknown>>;

export interface RemoteLogin {
  /** Where the control plane is, without a slash at the end. */
  readonly url: string;
  readonly key: string;
}

const fileOf = (): string =>
  join(process.env['XDG_CONFIG_HOME'] ?? join(homedir(), '.config'), 'gatewright', 'remotes.json');

function readLogins(): Record<string, RemoteLogin> {
  const file = fileOf();
  if (!existsSync(file)) return {};
  if (process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0)
    throw new CommandError(`${file} can be read by others: chmod 600 ${file}, and replace the keys in it`);
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, RemoteLogin>;
  } catch {
    throw new CommandError(`${file} is no JSON: remove it and log in again`);
  }
}

function writeLogins(logins: Readonly<Record<string, RemoteLogin>>): void {
  const file = fileOf();
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(logins, null, 2)}\n`, { mode: 0o600 });
  chmodSync(draft, 0o600);
  renameSync(draft, file);
}

/** The login called `name`. Throws CommandError when there is none. */
export function loginOf(options: Options): RemoteLogin {
  const name = options['name'] as string;
  const logins = readLogins();
  if (!Object.hasOwn(logins, name))
    throw new CommandError(
      `there is no login "${printable(name)}": gatewright remote login URL < key`,
      Exit.usage,
    );
  return logins[name]!;
}

export async function runRemoteLogin(options: Options, url: string): Promise<number> {
  if (!URL.canParse(url)) throw new CommandError(`${printable(url)} is no URL`, Exit.usage);
  const { protocol, hostname } = new URL(url);
  const isHere = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
  if (protocol !== 'https:' && !(protocol === 'http:' && isHere))
    throw new CommandError('a key goes over https, or to this machine, and nowhere else', Exit.usage);
  if (process.stdin.isTTY === true) process.stderr.write('Key: ');
  const key = (await text(process.stdin)).trim();
  if (key === '') throw new CommandError('no key came on standard input', Exit.usage);
  const login = { url: url.replace(/\/+$/, ''), key };
  const { user, roles, permissions } = (await callRemote(login, 'getSession')).value as {
    user: string;
    roles: string[];
    permissions: string[];
  };
  const name = options['name'] as string;
  writeLogins({ ...readLogins(), [name]: login });
  if (options['json'] === true) printJson({ name, url: login.url, user, roles, permissions });
  else
    print(`Logged in at ${login.url} as ${printable(user)} (${roles.join(', ') || permissions.join(', ')}).`);
  return Exit.ok;
}

export async function runRemoteLogout(options: Options): Promise<number> {
  const login = loginOf(options);
  const { [options['name'] as string]: _gone, ...rest } = readLogins();
  writeLogins(rest);
  const id = /^gwk_([^_]+)_/.exec(login.key)?.[1] ?? '';
  if (options['json'] === true) printJson({ ok: true, key: id });
  else print(`Forgotten. The key ${id} is good until it is revoked where it was issued.`);
  return Exit.ok;
}

export async function runRemoteList(options: Options): Promise<number> {
  const rows = Object.entries(readLogins()).map(([name, { url, key }]) => ({
    name,
    url,
    key: /^gwk_([^_]+)_/.exec(key)?.[1] ?? '',
  }));
  if (options['json'] === true) printJson(rows);
  else
    print(
      table(
        ['NAME', 'URL', 'KEY'],
        rows.map(({ name, url, key }) => [name, url, key]),
      ),
    );
  return Exit.ok;
}
