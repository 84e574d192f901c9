// Local servers that speak the protocols of key services as their documentation has them, and check what clients send: AWS
// KMS's JSON with Signature Version 4, Google Cloud KMS and OAuth, Azure Key Vault and Entra. They know one key each.
import {
  constants,
  createHash,
  createHmac,
  createVerify,
  generateKeyPairSync,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
} from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { openAead, sealAead } from '../../src/envelope/index.ts';

type Answer = { readonly status: number; readonly body: unknown };
type Handler = (request: IncomingMessage, body: string) => Answer;

async function serve(t: TestContext, handler: Handler): Promise<string> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const { status, body } = handler(request, Buffer.concat(chunks).toString('utf8'));
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export interface AwsKms {
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly keyId: string;
}

export async function startAwsKms(t: TestContext): Promise<AwsKms> {
  const credentials = {
    accessKeyId: 'AKIDEXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  };
  const keyId = 'arn:aws:kms:eu-central-1:111122223333:key/1234abcd';
  const key = randomBytes(32);
  const context = (value: unknown): Buffer =>
    Buffer.from(JSON.stringify(Object.entries((value ?? {}) as object).sort()));
  const endpoint = await serve(t, (request, text) => {
    if (!isSigned(request, text, credentials.secretAccessKey))
      return { status: 400, body: { __type: 'IncompleteSignatureException', message: 'signature' } };
    const body = JSON.parse(text) as Record<string, string>;
    if (body['KeyId'] !== keyId) return { status: 400, body: { __type: 'NotFoundException' } };
    const associated = context(body['EncryptionContext']);
    if (request.headers['x-amz-target'] === 'TrentService.Encrypt') {
      const sealed = sealAead('gcm', key, associated, Buffer.from(body['Plaintext']!, 'base64'));
      return {
        status: 200,
        body: {
          KeyId: keyId,
          CiphertextBlob: sealed.toString('base64'),
          EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
        },
      };
    }
    try {
      const clear = openAead('gcm', key, associated, Buffer.from(body['CiphertextBlob']!, 'base64'));
      return { status: 200, body: { KeyId: keyId, Plaintext: clear.toString('base64') } };
    } catch {
      return { status: 400, body: { __type: 'InvalidCiphertextException' } };
    }
  });
  return { endpoint: `${endpoint}/`, ...credentials, keyId };
}

/** Computes the signature anew, from what arrived (Signature Version 4). */
function isSigned(request: IncomingMessage, body: string, secret: string): boolean {
  const match =
    /^AWS4-HMAC-SHA256 Credential=[^/]+\/(\d{8})\/([^/]+)\/(kms)\/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$/.exec(
      request.headers.authorization ?? '',
    );
  if (match === null) return false;
  const [, day, region, service, signed, signature] = match as unknown as string[];
  const names = signed!.split(';');
  if (!['content-type', 'host', 'x-amz-date', 'x-amz-target'].every((name) => names.includes(name)))
    return false;
  const canonical = [
    request.method,
    request.url,
    '',
    ...names.map((name) => `${name}:${String(request.headers[name]).trim()}`),
    '',
    signed,
    createHash('sha256').update(body).digest('hex'),
  ].join('\n');
  const toSign = [
    'AWS4-HMAC-SHA256',
    request.headers['x-amz-date'],
    `${day}/${region}/${service}/aws4_request`,
    createHash('sha256').update(canonical).digest('hex'),
  ].join('\n');
  let key: Buffer = Buffer.from(`AWS4${secret}`);
  for (const part of [day!, region!, service!, 'aws4_request'])
    key = createHmac('sha256', key).update(part).digest();
  return createHmac('sha256', key).update(toSign).digest('hex') === signature;
}

export interface GoogleKms {
  readonly endpoint: string;
  readonly key: string;
  /** JSON of a service account's key. */
  readonly credentials: string;
}

export async function startGoogleKms(t: TestContext): Promise<GoogleKms> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const name = 'projects/p/locations/global/keyRings/r/cryptoKeys/k';
  const key = randomBytes(32);
  const token = randomBytes(16).toString('hex');
  let endpoint = '';
  endpoint = await serve(t, (request, text) => {
    if (request.url === '/token') {
      const form = new URLSearchParams(text);
      const [head = '', claims = '', signature = ''] = (form.get('assertion') ?? '').split('.');
      const good = createVerify('sha256')
        .update(`${head}.${claims}`)
        .verify(publicKey, signature, 'base64url');
      const { aud, iss, scope } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as Record<
        string,
        string
      >;
      const isMeant =
        aud === `${endpoint}/token` && iss === 'gate@p.example' && scope?.endsWith('/auth/cloudkms');
      return good && isMeant && form.get('grant_type') === 'urn:ietf:params:oauth:grant-type:jwt-bearer'
        ? { status: 200, body: { access_token: token, expires_in: 3600, token_type: 'Bearer' } }
        : { status: 400, body: { error: 'invalid_grant' } };
    }
    if (request.headers.authorization !== `Bearer ${token}`)
      return { status: 401, body: { error: { code: 401, status: 'UNAUTHENTICATED' } } };
    const body = JSON.parse(text) as Record<string, string>;
    const associated = Buffer.from(body['additionalAuthenticatedData'] ?? '', 'base64');
    if (request.url === `/v1/${name}:encrypt`) {
      const sealed = sealAead('gcm', key, associated, Buffer.from(body['plaintext']!, 'base64'));
      return {
        status: 200,
        body: { name: `${name}/cryptoKeyVersions/1`, ciphertext: sealed.toString('base64') },
      };
    }
    if (request.url === `/v1/${name}:decrypt`) {
      try {
        const clear = openAead('gcm', key, associated, Buffer.from(body['ciphertext']!, 'base64'));
        return { status: 200, body: { plaintext: clear.toString('base64') } };
      } catch {
        return { status: 400, body: { error: { code: 400, status: 'INVALID_ARGUMENT' } } };
      }
    }
    return { status: 404, body: { error: { code: 404, status: 'NOT_FOUND' } } };
  });
  const credentials = JSON.stringify({
    type: 'service_account',
    client_email: 'gate@p.example',
    private_key: privateKey.export({ format: 'pem', type: 'pkcs8' }),
    token_uri: `${endpoint}/token`,
  });
  return { endpoint, key: name, credentials };
}

export interface AzureKeyVault {
  readonly vault: string;
  readonly clientSecret: string;
}

export async function startAzureKeyVault(t: TestContext): Promise<AzureKeyVault> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const clientSecret = randomBytes(16).toString('hex');
  const token = randomBytes(16).toString('hex');
  const oaep = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
  let vault = '';
  vault = await serve(t, (request, text) => {
    const url = new URL(request.url ?? '/', vault);
    if (url.pathname === '/tenant/oauth2/v2.0/token') {
      const form = new URLSearchParams(text);
      const good =
        form.get('client_secret') === clientSecret &&
        form.get('client_id') === 'gate' &&
        form.get('scope') === 'https://vault.azure.net/.default' &&
        form.get('grant_type') === 'client_credentials';
      return good
        ? { status: 200, body: { access_token: token } }
        : { status: 401, body: { error: 'invalid_client' } };
    }
    if (request.headers.authorization !== `Bearer ${token}` || url.searchParams.get('api-version') !== '7.4')
      return { status: 401, body: { error: { code: 'Unauthorized' } } };
    const { alg, value } = JSON.parse(text) as { alg: string; value: string };
    const kid = `${vault}/keys/root/v1`;
    if (alg !== 'RSA-OAEP-256') return { status: 400, body: { error: { code: 'BadParameter' } } };
    if (url.pathname === '/keys/root/wrapkey')
      return {
        status: 200,
        body: {
          kid,
          value: publicEncrypt({ key: publicKey, ...oaep }, Buffer.from(value, 'base64url')).toString(
            'base64url',
          ),
        },
      };
    if (url.pathname === '/keys/root/v1/unwrapkey') {
      try {
        return {
          status: 200,
          body: {
            kid,
            value: privateDecrypt({ key: privateKey, ...oaep }, Buffer.from(value, 'base64url')).toString(
              'base64url',
            ),
          },
        };
      } catch {
        return { status: 400, body: { error: { code: 'BadParameter' } } };
      }
    }
    return { status: 404, body: { error: { code: 'KeyNotFound' } } };
  });
  return { vault, clientSecret };
}
