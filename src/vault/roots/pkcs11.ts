// The root key under an RSA key pair of a hardware module (PKCS #11), through OpenSC's `pkcs11-tool`: the vendor's library is
// loaded in a process of its own, where its faults and its memory stay, and the package needs no native code.
import { spawn } from 'node:child_process';
import { constants, createPublicKey, publicEncrypt } from 'node:crypto';
import { type RootWrap, VaultError } from '../contract.ts';
import type { Pkcs11Config } from './root-config.ts';

const TIMEOUT_MS = 20_000;
const MAX_OUTPUT_BYTES = 65_536;
/** Names the variable that hands the PIN over: arguments can be read by every user of the machine. */
const PIN_VARIABLE = 'GATEWRIGHT_PKCS11_PIN';

export function pkcs11Root(config: Pkcs11Config): RootWrap {
  const common = ['--module', config.module, '--token-label', config.token];
  return {
    kind: config.kind,
    wrap: async (rootKey) => {
      const key = await run(
        [...common, '--read-object', '--type', 'pubkey', '--label', config.key],
        Buffer.alloc(0),
        '',
      );
      return publicEncrypt(
        {
          key: createPublicKey({ key, format: 'der', type: 'spki' }),
          padding: constants.RSA_PKCS1_OAEP_PADDING,
          oaepHash: 'sha1',
        },
        rootKey,
      ).toString('base64url');
    },
    unwrap: (wrapped) =>
      run(
        [
          ...common,
          '--login',
          '--pin',
          `env:${PIN_VARIABLE}`,
          '--decrypt',
          '--mechanism',
          'RSA-PKCS-OAEP',
          '--hash-algorithm',
          'SHA-1',
          '--label',
          config.key,
        ],
        Buffer.from(wrapped, 'base64url'),
        config.pin,
      ),
  };
}

function run(args: readonly string[], input: Buffer, pin: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn('pkcs11-tool', args, {
      env: { ...process.env, [PIN_VARIABLE]: pin },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: TIMEOUT_MS,
    });
    const out: Buffer[] = [];
    let size = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= MAX_OUTPUT_BYTES) out.push(chunk);
    });
    let problem = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (problem.length < 1000) problem += text;
    });
    // A tool that ends early closes its end; its exit code says why.
    child.stdin.on('error', () => {});
    child.on('error', (error) =>
      reject(new VaultError('upstream', `pkcs11-tool (package opensc) can not be run: ${error.message}`)),
    );
    child.on('close', (code) => {
      if (code === 0 && size > 0 && size <= MAX_OUTPUT_BYTES) resolve(Buffer.concat(out));
      else
        reject(
          new VaultError('upstream', `the PKCS #11 module fails: ${problem.trim().split('\n')[0] ?? ''}`),
        );
    });
    child.stdin.end(input);
  });
}
