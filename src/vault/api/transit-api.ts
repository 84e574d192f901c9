// Transit over HTTP: keys, encrypt, decrypt, rewrap, datakey, hmac, sign, verify, hash, random, export.
import { randomBytes } from 'node:crypto';
import { parseTtl } from '../access/tokens.ts';
import { VaultError } from '../contract.ts';
import {
  decryptText,
  encryptText,
  readTagged,
  type Transit,
  type TransitKey,
  versionToUse,
} from '../transit/transit.ts';
import {
  type CipherOptions,
  canDerive,
  canEncrypt,
  canSign,
  hashOf,
  hmacTransit,
  publicKeyText,
  type SignOptions,
  signTransit,
  type TransitType,
  transitTypes,
  verifyHmac,
  verifyTransit,
} from '../transit/transit-key.ts';
import {
  type Json,
  listReply,
  noContent,
  notFound,
  timeText,
  type VaultCall,
  type VaultReply,
} from './contract.ts';
import { readBoolean, readCount, readText } from './read-body.ts';

/** Entries of one batch. */
const MAX_BATCH = 1000;
const MAX_RANDOM_BYTES = 131_072;

/** Base64 without tolerance. Throws VaultError. */
function bytesOf(body: Json, name: string): Buffer {
  const text = readText(body, name, '');
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0)
    throw new VaultError('invalid', `failed to base64-decode ${name}`);
  return Buffer.from(text, 'base64');
}

export async function transitExists(transit: Transit, rest: string): Promise<boolean> {
  const [kind, name] = rest.split('/');
  if ((kind !== 'keys' && kind !== 'encrypt') || name === undefined) return true;
  return (await transit.key(name)) !== null;
}

export async function handleTransit(call: VaultCall, transit: Transit): Promise<VaultReply> {
  const [kind = '', name = '', ...more] = call.rest.split('/');
  if (kind === 'keys') return keys(call, transit, name, more);
  if (kind === 'random') return random(call, [name, ...more]);
  if (kind === 'hash') {
    const algorithm = name || readText(call.body, 'algorithm', 'sha2-256');
    return { status: 200, data: { sum: format(hashOf(algorithm, bytesOf(call.body, 'input')), call.body) } };
  }
  if (kind === 'export' && call.operation === 'read') return exportKey(transit, name, more);
  if (call.operation !== 'update') throw new VaultError('unsupported', 'unsupported operation');
  if (kind === 'datakey') return dataKey(call, transit, name, more[0] ?? '');
  let key = await transit.key(name);
  // Vault makes a key that is not there when somebody encrypts with it and may create.
  if (key === null && kind === 'encrypt') {
    await transit.create(name, {
      type: typeOf(readText(call.body, 'type', 'aes256-gcm96')),
      derived: Object.hasOwn(call.body, 'context'),
      convergent: readBoolean(call.body, 'convergent_encryption', false),
      exportable: false,
      rotateMs: 0,
    });
    key = await transit.key(name);
  }
  if (key === null) throw new VaultError('invalid', 'encryption key not found');
  const found = key;
  switch (kind) {
    case 'encrypt':
      return batch(call.body, (entry) => ({
        ciphertext: encryptText(
          found,
          bytesOf(entry, 'plaintext'),
          readCount(entry, 'key_version', 0),
          optionsOf(found, entry),
        ),
        key_version: versionToUse(found, readCount(entry, 'key_version', 0))[0],
      }));
    case 'decrypt':
      return batch(call.body, (entry) => ({
        plaintext: decryptText(found, readText(entry, 'ciphertext'), optionsOf(found, entry)).toString(
          'base64',
        ),
      }));
    case 'rewrap':
      return batch(call.body, (entry) => {
        const options = optionsOf(found, entry);
        const clear = decryptText(found, readText(entry, 'ciphertext'), options);
        const wanted = readCount(entry, 'key_version', 0);
        return {
          ciphertext: encryptText(found, clear, wanted, options),
          key_version: versionToUse(found, wanted)[0],
        };
      });
    case 'hmac':
      return batch(call.body, (entry) => {
        const [number, version] = versionToUse(found, readCount(entry, 'key_version', 0));
        const mac = hmacTransit(version, algorithmOf(call.body, more[0]), bytesOf(entry, 'input'));
        return { hmac: `vault:v${number}:${mac.toString('base64')}` };
      });
    case 'sign':
      return batch(call.body, (entry) => {
        if (!canSign(found.type))
          throw new VaultError('invalid', `key type ${found.type} does not support signing`);
        const [number, version] = versionToUse(found, readCount(entry, 'key_version', 0));
        const signature = signTransit(
          found.type,
          version,
          bytesOf(entry, 'input'),
          signOptions(call.body, more[0]),
        );
        return {
          signature: `vault:v${number}:${encodeSignature(signature, call.body)}`,
          key_version: number,
        };
      });
    case 'verify':
      return batch(call.body, (entry) => ({ valid: verify(found, entry, call.body, more[0]) }));
    default:
      return notFound;
  }
}

function verify(key: TransitKey, entry: Json, body: Json, path: string | undefined): boolean {
  if (Object.hasOwn(entry, 'hmac')) {
    const [, version, mac] = readTagged(key, readText(entry, 'hmac'));
    return verifyHmac(version, algorithmOf(body, path), bytesOf(entry, 'input'), mac);
  }
  if (!canSign(key.type))
    throw new VaultError('invalid', `key type ${key.type} does not support verification`);
  const [, version, signature] = readTagged(key, readText(entry, 'signature'));
  return verifyTransit(key.type, version, bytesOf(entry, 'input'), signature, signOptions(body, path));
}

const algorithmOf = (body: Json, path: string | undefined): string =>
  path ?? readText(body, 'algorithm', readText(body, 'hash_algorithm', 'sha2-256'));

function signOptions(body: Json, path: string | undefined): SignOptions {
  if (readBoolean(body, 'prehashed', false))
    throw new VaultError('unsupported', 'prehashed input is not supported');
  return {
    hash: algorithmOf(body, path),
    padding: readText(body, 'signature_algorithm', 'pss'),
    marshaling: readText(body, 'marshaling_algorithm', 'asn1'),
  };
}

const encodeSignature = (signature: Buffer, body: Json): string =>
  readText(body, 'marshaling_algorithm', 'asn1') === 'jws'
    ? signature.toString('base64url')
    : signature.toString('base64');

function optionsOf(key: TransitKey, entry: Json): CipherOptions {
  const context = Object.hasOwn(entry, 'context') ? bytesOf(entry, 'context') : null;
  if (key.derived && (context === null || context.length === 0))
    throw new VaultError(
      'invalid',
      "missing 'context' for key derivation; the key was created using a derived key",
    );
  return {
    context: key.derived ? context : null,
    convergent: key.convergent,
    associated: bytesOf(entry, 'associated_data'),
  };
}

/** One entry in the body itself, or many in `batch_input`, each of which may fail alone. */
function batch(body: Json, run: (entry: Json) => Json): VaultReply {
  const list = Object.hasOwn(body, 'batch_input') ? body['batch_input'] : undefined;
  if (list === undefined) return { status: 200, data: run(body) };
  if (!Array.isArray(list) || list.length === 0)
    throw new VaultError('invalid', 'missing batch input to process');
  if (list.length > MAX_BATCH) throw new VaultError('invalid', `a batch has up to ${MAX_BATCH} entries`);
  let failed = 0;
  const results = list.map((entry: unknown): Json => {
    try {
      if (typeof entry !== 'object' || entry === null)
        throw new VaultError('invalid', 'an entry must be an object');
      const reference = Object.hasOwn(entry, 'reference') ? { reference: (entry as Json)['reference'] } : {};
      return { ...run(entry as Json), ...reference };
    } catch (error) {
      if (!(error instanceof VaultError)) throw error;
      failed++;
      return { error: error.message };
    }
  });
  return { status: failed === results.length ? 400 : 200, data: { batch_results: results } };
}

function typeOf(text: string): TransitType {
  const found = transitTypes.find((type) => type === text);
  if (found === undefined) throw new VaultError('invalid', `unknown key type ${text}`);
  return found;
}

async function keys(
  call: VaultCall,
  transit: Transit,
  name: string,
  more: readonly string[],
): Promise<VaultReply> {
  if (name === '') return call.operation === 'list' ? listReply(await transit.names()) : notFound;
  const { body } = call;
  const [action] = more;
  if (action === undefined) {
    switch (call.operation) {
      case 'read': {
        const key = await transit.key(name);
        return key === null ? notFound : { status: 200, data: describe(name, key) };
      }
      case 'update': {
        await transit.create(name, {
          type: typeOf(readText(body, 'type', 'aes256-gcm96')),
          derived: readBoolean(body, 'derived', false),
          convergent: readBoolean(body, 'convergent_encryption', false),
          exportable: readBoolean(body, 'exportable', false),
          rotateMs: parseTtl(body['auto_rotate_period'], 'auto_rotate_period'),
        });
        return { status: 200, data: describe(name, (await transit.key(name))!) };
      }
      case 'delete':
        await transit.remove(name);
        return noContent;
      default:
        return notFound;
    }
  }
  if (call.operation !== 'update') throw new VaultError('unsupported', 'unsupported operation');
  if (action === 'rotate') return { status: 200, data: describe(name, await transit.rotate(name)) };
  if (action === 'trim')
    return {
      status: 200,
      data: describe(name, await transit.trim(name, readCount(body, 'min_available_version', 0))),
    };
  if (action !== 'config') return notFound;
  const next = await transit.change(name, (key) => {
    const minDecryption = readCount(body, 'min_decryption_version', key.minDecryption) || 1;
    const minEncryption = readCount(body, 'min_encryption_version', key.minEncryption);
    const lowest = Math.min(...Object.keys(key.versions).map(Number));
    if (minDecryption > key.latest || minDecryption < lowest || minEncryption > key.latest)
      throw new VaultError('invalid', 'there is no such version of the key');
    if (minEncryption !== 0 && minEncryption < minDecryption)
      throw new VaultError('invalid', 'min_encryption_version must not be below min_decryption_version');
    return {
      ...key,
      minDecryption,
      minEncryption,
      allowDeletion: readBoolean(body, 'deletion_allowed', key.allowDeletion),
      // Never back: who was told that a key can not leave must be able to rely on it.
      exportable: key.exportable || readBoolean(body, 'exportable', false),
      rotateMs: Object.hasOwn(body, 'auto_rotate_period')
        ? parseTtl(body['auto_rotate_period'], 'auto_rotate_period')
        : key.rotateMs,
    };
  });
  return { status: 200, data: describe(name, next) };
}

function describe(name: string, key: TransitKey): Json {
  const entries = Object.entries(key.versions).map(([number, version]): [string, unknown] => [
    number,
    version.privateKey === ''
      ? Math.floor(version.createdMs / 1000)
      : {
          creation_time: timeText(version.createdMs),
          name: key.type,
          public_key: publicKeyText(key.type, version),
        },
  ]);
  return {
    name,
    type: key.type,
    deletion_allowed: key.allowDeletion,
    derived: key.derived,
    convergent_encryption: key.convergent,
    exportable: key.exportable,
    allow_plaintext_backup: false,
    keys: Object.fromEntries(entries),
    latest_version: key.latest,
    min_available_version: Math.min(...Object.keys(key.versions).map(Number)),
    min_decryption_version: key.minDecryption,
    min_encryption_version: key.minEncryption,
    supports_encryption: canEncrypt(key.type),
    supports_decryption: canEncrypt(key.type),
    supports_derivation: canDerive(key.type),
    supports_signing: canSign(key.type),
    auto_rotate_period: key.rotateMs / 1000,
    imported_key: false,
  };
}

async function dataKey(call: VaultCall, transit: Transit, kind: string, name: string): Promise<VaultReply> {
  if (kind !== 'plaintext' && kind !== 'wrapped') return notFound;
  const key = await transit.key(name);
  if (key === null) throw new VaultError('invalid', 'encryption key not found');
  const bits = readCount(call.body, 'bits', 256);
  if (bits !== 128 && bits !== 256 && bits !== 512) throw new VaultError('invalid', 'invalid bit length');
  const made = randomBytes(bits / 8);
  const [number] = versionToUse(key, 0);
  return {
    status: 200,
    data: {
      ...(kind === 'plaintext' ? { plaintext: made.toString('base64') } : {}),
      ciphertext: encryptText(key, made, 0, optionsOf(key, call.body)),
      key_version: number,
    },
  };
}

function random(call: VaultCall, parts: readonly string[]): VaultReply {
  const fromPath = parts.find((part) => /^\d+$/.test(part));
  const count = Number(fromPath ?? readCount(call.body, 'bytes', 32));
  if (count < 1 || count > MAX_RANDOM_BYTES)
    throw new VaultError('invalid', '"bytes" must be between 1 and 131072');
  return { status: 200, data: { random_bytes: format(randomBytes(count), call.body, 'base64') } };
}

/** `hex` or `base64`, as the body asks for. */
function format(bytes: Buffer, body: Json, fallback = 'hex'): string {
  const wanted = readText(body, 'format', fallback);
  if (wanted !== 'hex' && wanted !== 'base64') throw new VaultError('invalid', 'unsupported encoding format');
  return bytes.toString(wanted);
}

async function exportKey(transit: Transit, kind: string, more: readonly string[]): Promise<VaultReply> {
  const [name = '', wanted] = more;
  const key = await transit.key(name);
  if (key === null) return notFound;
  if (kind === 'public-key') {
    const keys = Object.entries(key.versions).map(([number, version]) => [
      number,
      publicKeyText(key.type, version),
    ]);
    return { status: 200, data: { name, type: key.type, keys: Object.fromEntries(keys) } };
  }
  if (!key.exportable) throw new VaultError('invalid', 'private key material is not exportable');
  if (kind !== 'signing-key' || !canSign(key.type))
    throw new VaultError('unsupported', 'only signing keys can be exported');
  const keys = Object.entries(key.versions)
    .filter(
      ([number]) => wanted === undefined || number === (wanted === 'latest' ? String(key.latest) : wanted),
    )
    .map(([number, version]) => [
      number,
      `-----BEGIN PRIVATE KEY-----\n${Buffer.from(version.privateKey, 'base64url')
        .toString('base64')
        .replace(/(.{64})/g, '$1\n')}\n-----END PRIVATE KEY-----\n`,
    ]);
  return { status: 200, data: { name, type: key.type, keys: Object.fromEntries(keys) } };
}
