// One certificate from an ACME authority (RFC 8555), with the acme-client library: account, order, challenges over HTTP
// or TLS, a fresh key, the chain. The library is loaded when an authority is configured, not before.
import { Agent, type AgentOptions } from 'node:https';
import type { Authorization, Client } from 'acme-client';
import type { AcmeStore } from './acme-store.ts';
import type { Challenges } from './challenges.ts';
import type { AcmeAccountConfig } from './contract.ts';
import type { CertificateBundle } from './source.ts';

/** The authority may take this many looks, with pauses growing between the two, ms. */
const POLL_ATTEMPTS = 10;
const POLL_MIN_MS = 500;
const POLL_MAX_MS = 15_000;
/** Requests that fail in transport are tried this often before the order is given up and tried again later. */
const REQUEST_ATTEMPTS = 2;

/** Connections to directories with authorities of their own; all others are verified as usual. */
class DirectoryAgent extends Agent {
  readonly authorities = new Map<string, string>();

  override createConnection(
    ...args: Parameters<Agent['createConnection']>
  ): ReturnType<Agent['createConnection']> {
    const [options, callback] = args;
    const { host, port } = options as AgentOptions & { host?: string; port?: number | string };
    const ca = this.authorities.get(`${host}:${port}`);
    return super.createConnection(ca === undefined ? options : { ...options, ca }, callback);
  }
}

const agent = new DirectoryAgent();

async function loadLibrary(account: AcmeAccountConfig): Promise<typeof import('acme-client')> {
  const library = (await import('acme-client')) as unknown as { default: typeof import('acme-client') };
  const acme = library.default;
  const { hostname, port } = new URL(account.directory);
  if (account.ca !== '') agent.authorities.set(`${hostname}:${port === '' ? 443 : port}`, account.ca);
  acme.axios.defaults.httpsAgent = agent;
  const { acmeSettings } = acme.axios.defaults as unknown as { acmeSettings: Record<string, number> };
  acmeSettings['retryMaxAttempts'] = REQUEST_ATTEMPTS;
  acmeSettings['retryDefaultDelay'] = 1;
  return acme;
}

/** Orders a certificate for `names`. Rejects with Error whose message says what failed. */
export async function orderCertificate(
  account: AcmeAccountConfig,
  names: readonly string[],
  store: AcmeStore,
  challenges: Challenges,
): Promise<CertificateBundle> {
  const acme = await loadLibrary(account);
  let accountKey = await store.readAccountKey();
  if (accountKey === null) {
    accountKey = (await acme.crypto.createPrivateEcdsaKey('P-256')).toString();
    // Before the account exists: a key that is lost with it could never be used again.
    await store.writeAccountKey(accountKey);
  }
  const { externalAccount } = account;
  const client = new acme.Client({
    directoryUrl: account.directory,
    accountKey,
    backoffAttempts: POLL_ATTEMPTS,
    backoffMin: POLL_MIN_MS,
    backoffMax: POLL_MAX_MS,
    ...(externalAccount === null
      ? {}
      : { externalAccountBinding: { kid: externalAccount.id, hmacKey: externalAccount.key } }),
  });
  await client.createAccount({ termsOfServiceAgreed: true, contact: [...account.contact] });
  const order = await client.createOrder({ identifiers: names.map((value) => ({ type: 'dns', value })) });
  const tokens: string[] = [];
  try {
    for (const authorization of await client.getAuthorizations(order))
      await prove(acme, client, authorization, account.challenge, challenges, tokens);
    const [key, request] = await acme.crypto.createCsr(
      { altNames: [...names] },
      await acme.crypto.createPrivateEcdsaKey('P-256'),
    );
    const final = await client.finalizeOrder(order, request);
    const chain = await client.getCertificate(final);
    return { chain, key: key.toString() };
  } finally {
    await challenges.remove(tokens, names);
  }
}

async function prove(
  acme: typeof import('acme-client'),
  client: Client,
  authorization: Authorization,
  kind: AcmeAccountConfig['challenge'],
  challenges: Challenges,
  tokens: string[],
): Promise<void> {
  if (authorization.status === 'valid') return;
  const name = authorization.identifier.value;
  const challenge = authorization.challenges.find(({ type }) => type === kind);
  if (challenge === undefined) throw new Error(`the authority offers no ${kind} challenge for ${name}`);
  const answer = await client.getChallengeKeyAuthorization(challenge);
  if (kind === 'http-01') {
    tokens.push(challenge.token);
    await challenges.addHttp(challenge.token, answer);
  } else {
    const [key, certificate] = await acme.crypto.createAlpnCertificate(
      authorization,
      answer,
      await acme.crypto.createPrivateEcdsaKey('P-256'),
    );
    await challenges.addAlpn({ name, certificate: certificate.toString(), key: key.toString() });
  }
  await client.completeChallenge(challenge);
  await client.waitForValidStatus(challenge);
}
