// `vault:` as users write it: what wraps its root key, and how old its keys may get.
import { z } from 'zod';
import { duration } from './values.ts';

const text = () => z.string().min(1);
const endpoint = (what: string) =>
  z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe(what);

const roots = {
  'key-file': text()
    .optional()
    .describe('File with a key of 32 bytes as base64url, mode 0600; made by `gatewright vault key`.'),
  passphrase: z
    .string()
    .min(12)
    .optional()
    .describe('Only as a reference such as ${env:VAULT_PASSPHRASE}; argon2id makes a key of it.'),
  shares: z
    .literal(true)
    .optional()
    .describe(
      'Keepers unseal after each start; what the gate itself signs and seals with must not be in the vault then.',
    ),
  'aws-kms': z
    .strictObject({
      region: text(),
      key: text().describe('Id, ARN or alias of a symmetric key.'),
      'access-key-id': text(),
      'secret-access-key': text().describe('Only as a reference.'),
      'session-token': text().optional().describe('Of temporary credentials; only as a reference.'),
      endpoint: endpoint("Instead of the region's own."),
    })
    .optional(),
  'google-kms': z
    .strictObject({
      key: z
        .string()
        .regex(/^projects\/[^/]+\/locations\/[^/]+\/keyRings\/[^/]+\/cryptoKeys\/[^/]+$/)
        .describe('projects/…/locations/…/keyRings/…/cryptoKeys/….'),
      credentials: text().describe(
        'JSON of a service account key, only as a reference such as ${file:./account.json}.',
      ),
      endpoint: endpoint("Instead of Google's."),
    })
    .optional(),
  'azure-key-vault': z
    .strictObject({
      vault: z.url({ protocol: /^https?$/ }).describe('URL of the key vault.'),
      key: text().describe('Name of an RSA key.'),
      tenant: text(),
      'client-id': text(),
      'client-secret': text().describe('Only as a reference.'),
      authority: endpoint("Instead of Microsoft's."),
    })
    .optional(),
  transit: z
    .strictObject({
      address: z.url({ protocol: /^https?$/ }).describe('URL of a HashiCorp Vault or OpenBao.'),
      token: text().describe('Only as a reference.'),
      mount: text().default('transit'),
      key: text(),
      namespace: text().optional(),
    })
    .optional(),
  pkcs11: z
    .strictObject({
      module: text().describe('Shared library of the module.'),
      token: text().describe('Label of the token.'),
      key: text().describe('Label of an RSA key pair.'),
      pin: text().describe('Only as a reference.'),
    })
    .optional(),
};

export const rootKinds = Object.keys(roots) as (keyof typeof roots)[];

export const vaultSchema = z.strictObject({
  root: z
    .strictObject(roots)
    .refine((root) => Object.keys(root).length === 1, { message: `takes one of ${rootKinds.join(', ')}` })
    .optional()
    .describe('What wraps the root key; `state.seal`, or the key file beside the SQLite file, by default.'),
  rotate: duration()
    .default(7_776_000_000)
    .describe('Age at which each key gets a new version, and records are moved to it; 0s for never.'),
});
