// The root key under a symmetric key of AWS KMS (Encrypt and Decrypt of its JSON protocol). The SDK would be megabytes for
// two calls.
import type { RootWrap } from '../contract.ts';
import { askService, textMember } from './ask-service.ts';
import type { AwsKmsConfig } from './root-config.ts';
import { signAws } from './sign-aws.ts';

const service = 'AWS KMS';
/** Bound to the ciphertext by KMS, and shown in its audit log. */
const context = { purpose: 'gatewright vault root' };

export function awsKmsRoot(config: AwsKmsConfig): RootWrap {
  const url = config.endpoint === '' ? `https://kms.${config.region}.amazonaws.com/` : config.endpoint;
  const ask = (action: string, body: unknown): Promise<Readonly<Record<string, unknown>>> => {
    const text = JSON.stringify(body);
    const request = {
      url,
      region: config.region,
      service: 'kms',
      target: `TrentService.${action}`,
      body: text,
    };
    return askService({ service, url, headers: signAws(request, config, Date.now()), body: text });
  };
  return {
    kind: config.kind,
    wrap: async (rootKey) =>
      textMember(
        await ask('Encrypt', {
          KeyId: config.keyId,
          Plaintext: Buffer.from(rootKey).toString('base64'),
          EncryptionContext: context,
        }),
        'CiphertextBlob',
        service,
      ),
    unwrap: async (wrapped) =>
      Buffer.from(
        textMember(
          // Naming the key keeps a ciphertext of somebody else's key from being opened for us.
          await ask('Decrypt', { KeyId: config.keyId, CiphertextBlob: wrapped, EncryptionContext: context }),
          'Plaintext',
          service,
        ),
        'base64',
      ),
  };
}
