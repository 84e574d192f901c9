// `gatewright users password|totp|credentials|forget|link` and `clients oauth|secret`: what the authorization server knows.
import { randomBytes } from 'node:crypto';
import { systemClock } from '../core/index.ts';
import {
  type ClientSettings,
  certificateKeys,
  DEVICE_CODE,
  defaultSettings,
  grantTypes,
  hashPassword,
  inviteProgram,
  newPassword,
  newRecoveryCodes,
  newTemporaryPassword,
  newTotp,
  passwordProblem,
  registerClient,
  rotateSecret,
  TOKEN_EXCHANGE,
  totpUri,
} from '../oauth/index.ts';
import { CommandError, Exit, print, printJson } from './output.ts';
import { moment, table, withState } from './state.ts';

type Options = Readonly<Record<string, unknown>>;

/** Used where the configuration has no authorization server yet (OWASP's minimum). */
const HASHING = { memoryKib: 19_456, passes: 2, lanes: 1 };
/** Characters of passwords that are made here; some 118 bits. */
const MADE_BYTES = 15;

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '');
}

export const runUserPassword = (options: Options, id: string): Promise<number> =>
  withState(options, async ({ state, registry, config }) => {
    await registry.principal('user', id);
    const isMade = options['stdin'] !== true;
    const password = isMade ? randomBytes(MADE_BYTES).toString('base64url') : await readStdin();
    const problem = isMade ? null : passwordProblem(id, password);
    if (problem !== null) throw new CommandError(problem);
    const { memoryKib, passes, lanes } = config.authorizationServer?.passwords ?? HASHING;
    const hash = hashPassword(password, { memoryKib, passes, lanes });
    const isOnce = options['once'] === true;
    await state.oauth.setCredential((isOnce ? newTemporaryPassword : newPassword)(hash, id, Date.now()));
    if (options['json'] === true) printJson({ id, ...(isMade ? { password } : {}) });
    else if (!isMade) print(`The password of ${id} is set.`);
    else
      print(
        `Password of ${id} (shown once${isOnce ? '; to be replaced at the first login, within a week' : ''}):\n\n  ${password}`,
      );
    return Exit.ok;
  });

export const runUserTotp = (options: Options, id: string): Promise<number> =>
  withState(options, async ({ state, registry, config }) => {
    await registry.principal('user', id);
    const credential = newTotp(id, 'added by command', Date.now());
    await state.oauth.setCredential(credential);
    const uri = totpUri(credential.value, config.authorizationServer?.title ?? 'Gatewright', id);
    if (options['json'] === true) printJson({ id, credential: credential.id, secret: credential.value, uri });
    else print(`Key for the authenticator app of ${id} (shown once):\n\n  ${credential.value}\n  ${uri}`);
    return Exit.ok;
  });

export const runUserRecovery = (options: Options, id: string): Promise<number> =>
  withState(options, async ({ state, registry }) => {
    await registry.principal('user', id);
    const { codes, kept } = newRecoveryCodes(id, Date.now());
    await state.oauth.replaceRecovery(id, kept);
    if (options['json'] === true) printJson({ id, codes });
    else
      print(
        `Recovery codes of ${id} (shown once, each works once, those of before have ended):\n\n  ${codes.join('\n  ')}`,
      );
    return Exit.ok;
  });

export const runUserCredentials = (options: Options, id: string): Promise<number> =>
  withState(options, async ({ state, registry }) => {
    await registry.principal('user', id);
    const found = await state.oauth.credentials(id);
    // Values never leave the state.
    const shown = found.map(({ id: credential, kind, label, createdMs, usedMs }) => ({
      id: credential,
      kind,
      label,
      createdMs,
      usedMs,
    }));
    if (options['json'] === true) printJson(shown);
    else
      print(
        table(
          ['ID', 'KIND', 'LABEL', 'CREATED', 'LAST USED'],
          shown.map((c) => [c.id, c.kind, c.label, moment(c.createdMs), moment(c.usedMs)]),
        ),
      );
    return Exit.ok;
  });

export const runUserForget = (options: Options, id: string, credential: string): Promise<number> =>
  withState(options, async ({ state, registry }) => {
    await registry.principal('user', id);
    if (!(await state.oauth.removeCredential(id, credential)))
      throw new CommandError(`${id} has no "${credential}"`);
    if (options['json'] === true) printJson({ id, removed: credential });
    else print(`${credential} of ${id} is removed.`);
    return Exit.ok;
  });

export const runUserLink = (
  options: Options,
  id: string,
  provider: string,
  subject: string,
): Promise<number> =>
  withState(options, async ({ state, registry, config }) => {
    await registry.principal('user', id);
    const known = config.authorizationServer?.federation.map(({ name }) => name) ?? [];
    if (!known.includes(provider))
      throw new CommandError(
        `there is no provider "${provider}" under identity.authorization-server.federation`,
      );
    await state.oauth.link(provider, subject, id, Date.now(), null);
    if (options['json'] === true) printJson({ id, provider, subject });
    else print(`"${subject}" of ${provider} signs in as ${id}.`);
    return Exit.ok;
  });

const longGrants: Readonly<Record<string, string>> = {
  device_code: DEVICE_CODE,
  'token-exchange': TOKEN_EXCHANGE,
};

export const runClientOAuth = (options: Options, id: string): Promise<number> =>
  withState(options, async ({ state }) => {
    const list = (name: string): string[] => (options[name] as string[] | undefined) ?? [];
    const before = await state.oauth.client(id);
    const settings: ClientSettings = {
      ...defaultSettings,
      grantTypes: list('grant').map((grant) => longGrants[grant] ?? grant),
      redirectUris: list('redirectUri'),
      postLogoutRedirectUris: list('postLogoutRedirectUri'),
      authMethod: options['auth'] as ClientSettings['authMethod'],
      certificateName: (options['certificateName'] as string | undefined) ?? '',
      tlsBound: options['tlsBound'] === true,
      jwks: (options['jwks'] as ClientSettings['jwks'] | undefined) ?? certificateKeys(list('certificate')),
      jwksUri: (options['jwksUri'] as string | undefined) ?? '',
      resources: list('resource'),
      exchange: { from: list('exchangeFrom'), to: list('exchangeTo') },
      introspects: options['introspects'] === true,
      dpop: options['dpop'] === true,
      consent: options['consent'] !== false,
      backchannelLogoutUri: (options['backchannelLogoutUri'] as string | undefined) ?? '',
      secrets: before?.settings.secrets ?? [],
    };
    const secret = await registerClient(state.oauth, id, settings);
    if (options['json'] === true) printJson({ id, ...(secret === null ? {} : { secret }) });
    else {
      print(`${id} uses the authorization server with ${settings.grantTypes.join(', ')}.`);
      if (secret !== null) print(`\nIts secret (shown once):\n\n  ${secret}`);
    }
    return Exit.ok;
  });

export const runClientSecret = (options: Options, id: string): Promise<number> =>
  withState(options, async ({ state }) => {
    const overlapMs = options['overlap'] as number;
    const nowMs = Date.now();
    const secret = await rotateSecret(state.oauth, id, overlapMs, nowMs);
    if (options['json'] === true) printJson({ id, secret, oldUntilMs: nowMs + overlapMs });
    else
      print(
        `New secret of ${id} (shown once), the old one is good until ${moment(nowMs + overlapMs)}:\n\n  ${secret}`,
      );
    return Exit.ok;
  });

export const runClientInvite = (options: Options): Promise<number> =>
  withState(options, async ({ state, config }) => {
    const server = config.authorizationServer;
    if (server === null || server.registration === 'off')
      throw new CommandError(
        'programs do not register themselves here: set "registration: initial-access-token" under identity.authorization-server',
      );
    const list = (name: string): string[] => (options[name] as string[] | undefined) ?? [];
    const grants = list('grant').map((grant) => longGrants[grant] ?? grant);
    const unknown = grants.find((grant) => !(grantTypes as readonly string[]).includes(grant));
    if (unknown !== undefined || grants.includes(TOKEN_EXCHANGE))
      throw new CommandError(`"${unknown ?? 'token-exchange'}" is no grant that a program can register for`);
    const uris = server.resources.map(({ uri }) => uri);
    const missing = list('resource').find((uri) => !uris.includes(uri));
    if (missing !== undefined) throw new CommandError(`there is no resource "${missing}"`);
    const nowMs = Date.now();
    const lifetimeMs = options['expires'] as number;
    const limits = { scopes: list('scope'), grantTypes: grants, resources: list('resource') };
    const parts = { config: server, identity: state.identity, store: state.oauth, clock: systemClock };
    const token = await inviteProgram(parts, limits, lifetimeMs);
    const endpoint = `${server.issuer}/register`;
    if (options['json'] === true) printJson({ token, endpoint, untilMs: nowMs + lifetimeMs, ...limits });
    else
      print(
        `Initial access token (shown once, good once and until ${moment(nowMs + lifetimeMs)}) for POST ${endpoint}:\n\n  ${token}`,
      );
    return Exit.ok;
  });
