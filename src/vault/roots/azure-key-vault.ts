// The root key under an RSA key of Azure Key Vault (wrapkey and unwrapkey of REST 7.4), with a client secret to get in.
import type { RootWrap } from '../contract.ts';
import { VaultError } from '../contract.ts';
import { askService, textMember } from './ask-service.ts';
import type { AzureKeyVaultConfig } from './root-config.ts';

const service = 'Azure Key Vault';
const algorithm = 'RSA-OAEP-256';
const apiVersion = '7.4';

export function azureKeyVaultRoot(config: AzureKeyVaultConfig): RootWrap {
  const vault = config.vault.replace(/\/$/, '');
  const authority = config.authority === '' ? 'https://login.microsoftonline.com' : config.authority;
  const token = async (): Promise<string> =>
    textMember(
      await askService({
        service: 'Microsoft Entra',
        url: `${authority.replace(/\/$/, '')}/${encodeURIComponent(config.tenant)}/oauth2/v2.0/token`,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({
          grant_type: 'client_credentials',
          client_id: config.clientId,
          client_secret: config.clientSecret,
          scope: 'https://vault.azure.net/.default',
        }).toString(),
      }),
      'access_token',
      'Microsoft Entra',
    );
  const ask = async (
    key: string,
    action: string,
    value: string,
  ): Promise<Readonly<Record<string, unknown>>> =>
    askService({
      service,
      url: `${key}/${action}?api-version=${apiVersion}`,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${await token()}` },
      body: JSON.stringify({ alg: algorithm, value }),
    });
  return {
    kind: config.kind,
    wrap: async (rootKey) => {
      const answer = await ask(
        `${vault}/keys/${encodeURIComponent(config.key)}`,
        'wrapkey',
        Buffer.from(rootKey).toString('base64url'),
      );
      // The version that wrapped it must unwrap it, whatever is newest then.
      return JSON.stringify({
        kid: textMember(answer, 'kid', service),
        value: textMember(answer, 'value', service),
      });
    },
    unwrap: async (wrapped) => {
      const { kid, value } = JSON.parse(wrapped) as { kid: string; value: string };
      // INVARIANT: the stored text is not authenticated; a token must not be sent to whoever it names.
      if (!kid.startsWith(`${vault}/keys/`))
        throw new VaultError('invalid', 'the root key is wrapped in another key vault');
      return Buffer.from(textMember(await ask(kid, 'unwrapkey', value), 'value', service), 'base64url');
    },
  };
}
