// Project Wycheproof's vectors that hold AES-GCM: tokens whose content or whose key is sealed with it. What lies around the
// cipher (key agreement, RSA, key wrap) is done here by Node, the AES-GCM by the function that seals everything in the vault.
import assert from 'node:assert/strict';
import {
  constants,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  privateDecrypt,
  type webcrypto,
} from 'node:crypto';
import { describe, test } from 'node:test';
import { openAead, SealError } from '../../src/envelope/index.ts';
import { findCorpus, readCorpusJson } from '../support/corpus.ts';

type JsonWebKey = webcrypto.JsonWebKey;

interface Vector {
  readonly tcId: number;
  readonly comment: string;
  readonly result: 'valid' | 'invalid' | 'acceptable';
  readonly jwe?: unknown;
  readonly pt?: string;
}

interface VectorFile {
  readonly numberOfTests: number;
  readonly testGroups: readonly { readonly private?: JsonWebKey; readonly tests: readonly Vector[] }[];
}

interface Header {
  readonly alg?: string;
  readonly enc?: string;
  readonly zip?: string;
  readonly crit?: unknown;
  readonly iv?: string;
  readonly tag?: string;
  readonly epk?: JsonWebKey;
  readonly apu?: string;
  readonly apv?: string;
}

const fromText = (text: string): Buffer => Buffer.from(text, 'base64url');
const bytesOf: Readonly<Record<string, number>> = { A128GCM: 16, A256GCM: 32 };

/** AES-GCM as JWE has it: nonce, ciphertext and tag apart. */
function openGcm(key: Buffer, iv: string, sealed: string, tag: string, associated: string): Buffer {
  const [nonce, mark] = [fromText(iv), fromText(tag)];
  if (nonce.length !== 12 || mark.length !== 16) throw new SealError('another nonce or tag');
  return openAead('gcm', key, Buffer.from(associated), Buffer.concat([nonce, fromText(sealed), mark]));
}

function unwrap(bits: number, key: Buffer, wrapped: Buffer): Buffer {
  const decipher = createDecipheriv(`aes${bits}-wrap`, key, Buffer.alloc(8, 0xa6));
  return Buffer.concat([decipher.update(wrapped), decipher.final()]);
}

/** Concat KDF of RFC 7518 section 4.6.2. */
function agree(header: Header, privateKey: JsonWebKey, algorithm: string, length: number): Buffer {
  const secret = diffieHellman({
    privateKey: createPrivateKey({ key: privateKey, format: 'jwk' }),
    publicKey: createPublicKey({ key: header.epk!, format: 'jwk' }),
  });
  const number = (value: number): Buffer => {
    const out = Buffer.alloc(4);
    out.writeUInt32BE(value);
    return out;
  };
  const part = (bytes: Buffer): Buffer => Buffer.concat([number(bytes.length), bytes]);
  const info = Buffer.concat([
    part(Buffer.from(algorithm)),
    part(fromText(header.apu ?? '')),
    part(fromText(header.apv ?? '')),
    number(length * 8),
  ]);
  return createHash('sha256').update(number(1)).update(secret).update(info).digest().subarray(0, length);
}

function contentKey(header: Header, key: JsonWebKey, wrapped: string): Buffer {
  const { alg = '', enc = '' } = header;
  const secret = (): Buffer => fromText(key.k as string);
  const rsa = (padding: number, oaepHash?: string): Buffer =>
    privateDecrypt(
      {
        key: createPrivateKey({ key, format: 'jwk' }),
        padding,
        ...(oaepHash === undefined ? {} : { oaepHash }),
      },
      fromText(wrapped),
    );
  if (key.alg !== undefined && key.alg !== alg && alg !== 'dir')
    throw new SealError('a key of another algorithm');
  if (alg === 'dir') return secret();
  if (/^A(?:128|256)GCMKW$/.test(alg)) return openGcm(secret(), header.iv!, wrapped, header.tag!, '');
  const keyWrap = /^A(128|192|256)KW$/.exec(alg);
  if (keyWrap !== null) return unwrap(Number(keyWrap[1]), secret(), fromText(wrapped));
  if (alg === 'ECDH-ES') return agree(header, key, enc, bytesOf[enc]!);
  const agreed = /^ECDH-ES\+A(128|192|256)KW$/.exec(alg);
  if (agreed !== null) {
    const bits = Number(agreed[1]);
    return unwrap(bits, agree(header, key, alg, bits / 8), fromText(wrapped));
  }
  if (alg === 'RSA-OAEP') return rsa(constants.RSA_PKCS1_OAEP_PADDING, 'sha1');
  if (alg === 'RSA-OAEP-256') return rsa(constants.RSA_PKCS1_OAEP_PADDING, 'sha256');
  throw new SealError(`${alg} is not done here`);
}

/** Why a vector has no AES-GCM with a key that the vault would use; null when it has. */
function outside(header: Header | null): string | null {
  if (header === null) return 'no header that can be read: it never gets to a cipher';
  if (header.alg === 'RSA1_5') return 'RSA PKCS #1 v1.5: refused before any cipher';
  if (header.enc === 'A192GCM') return 'AES-192, which the vault does not use';
  const isSealed = Object.hasOwn(bytesOf, header.enc ?? '') || /GCMKW$/.test(header.alg ?? '');
  return isSealed ? null : `content in ${String(header.enc)}`;
}

function headerOf(jwe: unknown): Header | null {
  if (typeof jwe !== 'string') return null;
  try {
    return JSON.parse(fromText(jwe.split('.')[0]!).toString()) as Header;
  } catch {
    return null;
  }
}

function opens(jwe: string, header: Header, key: JsonWebKey): Buffer | null {
  const [head = '', wrapped = '', iv = '', sealed = '', tag = ''] = jwe.split('.');
  try {
    const found = contentKey(header, key, wrapped);
    // Where AES-GCM seals the key only, the content is another cipher's.
    if (!Object.hasOwn(bytesOf, header.enc ?? '')) return found;
    if (found.length !== bytesOf[header.enc!]) return null;
    return openGcm(found, iv, sealed, tag, head);
  } catch {
    return null;
  }
}

const corpus = findCorpus('wycheproof');

describe('wycheproof AES-GCM', { skip: corpus.skip }, () => {
  for (const file of ['json_web_encryption_test.json', 'json_web_crypto_test.json']) {
    test(file, () => {
      const { testGroups } = readCorpusJson<VectorFile>(corpus, file);
      const wrong: string[] = [];
      const skipped = new Map<string, number>();
      let agreed = 0;
      for (const group of testGroups) {
        for (const vector of group.tests) {
          const header = headerOf(vector.jwe);
          const reason = vector.jwe === undefined ? 'no encryption' : outside(header);
          if (reason !== null || group.private === undefined) {
            const why = reason ?? 'no key';
            skipped.set(why, (skipped.get(why) ?? 0) + 1);
            continue;
          }
          const clear = opens(vector.jwe as string, header!, group.private);
          const expected = vector.result !== 'invalid';
          if (clear !== null && !expected && !Object.hasOwn(bytesOf, header!.enc ?? '')) {
            const why = 'the key opens, and the content that is bad is AES-CBC';
            skipped.set(why, (skipped.get(why) ?? 0) + 1);
            continue;
          }
          if ((clear !== null) === expected) agreed++;
          else
            wrong.push(`${vector.tcId} ${vector.comment}: ${vector.result}, ${header!.alg}/${header!.enc}`);
        }
      }
      process.stdout.write(`${file}: ${agreed} agree, skipped ${JSON.stringify([...skipped])}\n`);
      assert.deepEqual(wrong, []);
    });
  }
});
