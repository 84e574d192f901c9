// `gatewright ca sign`: runs where the root's key is, on a machine that needs nothing else of the gate.
import { readFileSync } from 'node:fs';
import { IdentityError, RequestError, readRootKey, signRequest } from '../../identity/index.ts';
import { CommandError, Exit } from '../output.ts';
import { type Options, readPassphrase } from './access.ts';

export async function runCaSign(options: Options, request: string): Promise<number> {
  try {
    const root = readRootKey(options['rootKey'] as string, readPassphrase(options));
    const text = readInput(request);
    process.stdout.write(await signRequest(root, text, Date.now(), options['issuingLife'] as number));
    return Exit.ok;
  } catch (error) {
    if (error instanceof IdentityError || error instanceof RequestError)
      throw new CommandError(error.message);
    throw error;
  }
}

/** A file's text, or standard input for `-`. */
export function readInput(name: string): string {
  try {
    return readFileSync(name === '-' ? 0 : name, 'utf8');
  } catch (error) {
    throw new CommandError(`${name} can not be read (${(error as NodeJS.ErrnoException).code})`);
  }
}
