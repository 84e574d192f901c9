// The root key under the transit engine of a HashiCorp Vault, an OpenBao, or another Gatewright.
import type { RootWrap } from '../contract.ts';
import { VaultError } from '../contract.ts';
import { askService } from './ask-service.ts';
import type { TransitConfig } from './root-config.ts';

const service = 'the transit engine';

export function transitRoot(config: TransitConfig): RootWrap {
  const ask = async (action: string, body: unknown, member: string): Promise<string> => {
    const answer = await askService({
      service,
      url: `${config.address.replace(/\/$/, '')}/v1/${config.mount}/${action}/${encodeURIComponent(config.key)}`,
      headers: {
        'content-type': 'application/json',
        'x-vault-token': config.token,
        'x-vault-request': 'true',
        ...(config.namespace === '' ? {} : { 'x-vault-namespace': config.namespace }),
      },
      body: JSON.stringify(body),
    });
    const value = (answer['data'] as Record<string, unknown> | null)?.[member];
    if (typeof value !== 'string') throw new VaultError('upstream', `${service} answers without "${member}"`);
    return value;
  };
  return {
    kind: config.kind,
    wrap: (rootKey) => ask('encrypt', { plaintext: Buffer.from(rootKey).toString('base64') }, 'ciphertext'),
    unwrap: async (wrapped) =>
      Buffer.from(await ask('decrypt', { ciphertext: wrapped }, 'plaintext'), 'base64'),
  };
}
