// Description of the service `authorization-server`: the paths of OAuth 2.1 and OpenID Connect, and of the pages. It
// authenticates its callers itself, as the protocol says.
import type { ServiceDescription } from '../control/contract.ts';
import type { ContractOperation } from '../openapi/index.ts';

const form = { required: false, content: [] };

const operation = (id: string, method: string, template: string, summary: string): ContractOperation => ({
  id,
  method,
  template,
  parameters: [...template.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name: name!,
    in: 'path' as const,
    required: true,
    schema: { type: 'string' },
    style: 'simple',
    explode: false,
  })) as unknown as ContractOperation['parameters'],
  body: method === 'POST' ? (form as unknown as ContractOperation['body']) : null,
  security: null,
  deprecated: false,
  summary,
  line: 0,
  column: 0,
});

const operations: readonly ContractOperation[] = [
  operation('openidConfiguration', 'GET', '/.well-known/openid-configuration', 'OpenID Connect Discovery.'),
  operation('oauthMetadata', 'GET', '/.well-known/oauth-authorization-server', 'Metadata (RFC 8414).'),
  operation('jwks', 'GET', '/jwks', 'Public keys.'),
  operation('authorize', 'GET', '/authorize', 'Begins a login.'),
  operation('resumeAuthorize', 'GET', '/authorize/{uid}', 'Goes on after a page.'),
  operation('token', 'POST', '/token', 'Gives tokens.'),
  operation('pushedAuthorizationRequest', 'POST', '/par', 'Takes a request beforehand (RFC 9126).'),
  operation('introspect', 'POST', '/introspect', 'Tells what a token is (RFC 7662).'),
  operation('revoke', 'POST', '/revoke', 'Takes a token back (RFC 7009).'),
  operation('userinfo', 'GET', '/userinfo', 'Who a token speaks for.'),
  operation('userinfoPost', 'POST', '/userinfo', 'Who a token speaks for.'),
  operation('deviceAuthorization', 'POST', '/device/authorize', 'Begins for a device (RFC 8628).'),
  operation('device', 'GET', '/device', 'Where people enter the code of a device.'),
  operation('deviceConfirm', 'POST', '/device', 'The code of a device.'),
  operation('resumeDevice', 'GET', '/device/{uid}', 'Goes on after a page.'),
  operation('register', 'POST', '/register', 'Registers a program (RFC 7591), where that is switched on.'),
  operation('logout', 'GET', '/logout', 'Asks whether to sign out.'),
  operation('logoutConfirm', 'POST', '/logout/confirm', 'Signs out.'),
  operation('logoutDone', 'GET', '/logout/success', 'Tells that it is done.'),
  operation('interaction', 'GET', '/interaction/{uid}', 'Page of signing in and consent.'),
  operation('federatedStart', 'GET', '/interaction/{uid}/federated/{name}', 'Goes to another provider.'),
  operation('federatedCallback', 'GET', '/federated/{name}', 'Comes back from another provider.'),
  ...['login', 'totp', 'recovery', 'passkey', 'consent', 'abort'].map((step) =>
    operation(
      `interaction${step[0]!.toUpperCase()}${step.slice(1)}`,
      'POST',
      `/interaction/{uid}/${step}`,
      'A step.',
    ),
  ),
  operation('interactionNewPassword', 'POST', '/interaction/{uid}/new-password', 'A step.'),
  operation('interactionPasskeyOptions', 'POST', '/interaction/{uid}/passkey/options', 'A challenge.'),
  operation('account', 'GET', '/account', 'How somebody signs in.'),
  ...['totp', 'recovery', 'remove', 'password', 'withdraw', 'passkey'].map((step) =>
    operation(`account${step[0]!.toUpperCase()}${step.slice(1)}`, 'POST', `/account/${step}`, 'A change.'),
  ),
  operation('accountPasskeyOptions', 'POST', '/account/passkey/options', 'A challenge.'),
  operation('asset', 'GET', '/assets/{name}', 'Style sheet and scripts.'),
];

const reason = 'the authorization server authenticates clients and people itself';

export const authorizationServerService: ServiceDescription = {
  name: 'authorization-server',
  summary: 'OAuth 2.1 authorization server and OpenID provider.',
  operations,
  document: {},
  open: Object.fromEntries(operations.map(({ id }) => [id, reason])),
  validates: false,
  internalOnly: false,
};
