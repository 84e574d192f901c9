// Accounts of Redis and Valkey (ACL). Five commands need no client library: RESP is written and read here, one command
// after the other.
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { VaultError } from '../contract.ts';
import { accountPattern, type DatabaseConnection, type DatabaseDriver } from './contract.ts';

const TIMEOUT_MS = 5000;
const MAX_REPLY_BYTES = 65_536;

class RedisSession {
  readonly #socket: Socket;
  #text = '';
  #waiting: { resolve: (line: string) => void; reject: (error: Error) => void } | null = null;
  #failed: Error | null = null;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('too late')));
    socket.setEncoding('utf8');
    socket.on('data', (part: string) => {
      this.#text += part;
      if (this.#text.length > MAX_REPLY_BYTES) socket.destroy(new Error('too much'));
      const end = this.#text.indexOf('\r\n');
      if (end === -1 || this.#waiting === null) return;
      const line = this.#text.slice(0, end);
      // Only replies of one line are asked for: simple strings, errors, integers.
      this.#text = this.#text.slice(end + 2);
      const { resolve } = this.#waiting;
      this.#waiting = null;
      resolve(line);
    });
    const fail = (error: Error): void => {
      this.#failed = error;
      this.#waiting?.reject(error);
      this.#waiting = null;
    };
    socket.on('error', fail);
    socket.on('close', () => fail(new Error('the connection was closed')));
  }

  /** Rejects with VaultError for an error reply. */
  async run(...args: readonly string[]): Promise<string> {
    if (this.#failed !== null) throw this.#failed;
    const answer = new Promise<string>((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
    const parts = args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`);
    this.#socket.write(`*${args.length}\r\n${parts.join('')}`);
    const line = await answer;
    // The error's first word only: the rest may repeat what was sent.
    if (line.startsWith('-'))
      throw new VaultError('upstream', `Redis: ${/^-(\w+)/.exec(line)?.[1] ?? 'ERR'}`);
    return line;
  }
}

async function withSession<T>(
  connection: DatabaseConnection,
  username: string,
  password: string,
  work: (session: RedisSession) => Promise<T>,
): Promise<T> {
  if (!URL.canParse(connection.url)) throw new VaultError('invalid', 'the address of Redis is no URL');
  const url = new URL(connection.url);
  if (url.protocol !== 'redis:' && url.protocol !== 'rediss:')
    throw new VaultError('invalid', 'the address of Redis begins with redis:// or rediss://');
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = url.port === '' ? 6379 : Number(url.port);
  const socket =
    url.protocol === 'rediss:' ? connectTls({ host, port, servername: host }) : connectPlain({ host, port });
  const session = new RedisSession(socket);
  try {
    if (password !== '') await session.run('AUTH', ...(username === '' ? [] : [username]), password);
    return await work(session);
  } catch (error) {
    if (error instanceof VaultError) throw error;
    throw new VaultError('upstream', `Redis does not answer (${(error as Error).message})`);
  } finally {
    socket.destroy();
  }
}

const asAdmin = <T>(
  connection: DatabaseConnection,
  work: (session: RedisSession) => Promise<T>,
): Promise<T> => withSession(connection, connection.username, connection.password, work);

const checked = (username: string): string => {
  // Changing the account that everybody has would lock the gate out.
  if (!accountPattern.test(username) || username === 'default')
    throw new VaultError('invalid', `"${username}" is no name for an account`);
  return username;
};

/** ACL rules, as a JSON list or words: nothing that would set passwords or switch the account by itself. */
function rulesOf(statements: readonly string[]): string[] {
  const rules = statements.flatMap((text) => {
    if (!text.trim().startsWith('[')) return text.split(/\s+/).filter((rule) => rule !== '');
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch {
      throw new VaultError('invalid', 'creation_statements are no JSON list of ACL rules');
    }
    return Array.isArray(parsed) ? parsed.map(String) : [];
  });
  for (const rule of rules) {
    if (!/^(?:[~%&+-]|allkeys|allchannels|allcommands|resetkeys|resetchannels|nocommands|\()/.test(rule))
      throw new VaultError('invalid', `"${rule}" is no rule for keys, channels or commands`);
  }
  return rules.length === 0 ? ['~*', '+@read'] : rules;
}

export const redisDriver: DatabaseDriver = {
  create: (connection, { username, password, statements }) =>
    asAdmin(connection, async (session) => {
      await session.run(
        'ACL',
        'SETUSER',
        checked(username),
        'reset',
        'on',
        `>${password}`,
        ...rulesOf(statements),
      );
    }),

  revoke: (connection, username) =>
    asAdmin(connection, async (session) => {
      // Its connections are closed with it.
      await session.run('ACL', 'DELUSER', checked(username));
    }),

  // Redis knows no end of an account; the lease alone does.
  renew: async () => {},

  setPassword: (connection, username, password) =>
    asAdmin(connection, async (session) => {
      await session.run('ACL', 'SETUSER', checked(username), 'resetpass', `>${password}`);
    }),

  check: (connection, username, password) =>
    withSession(connection, username, password, async (session) => {
      await session.run('PING').catch((error: unknown) => {
        // Logged in, and not allowed to say PING: the account works.
        if (error instanceof VaultError && error.message === 'Redis: NOPERM') return;
        throw error;
      });
    }),
};
