// What commands of service identities share: the state with its authority, and the passphrase of the root's key.
import { readFileSync } from 'node:fs';
import { loadConfig } from '../../app/load-config.ts';
import { systemClock } from '../../core/index.ts';
import { ServiceAuthority, type ServicesConfig } from '../../identity/index.ts';
import { CommandError, Exit } from '../output.ts';
import { type StateAccess, withState } from '../state.ts';

export type Options = Readonly<Record<string, unknown>>;

export interface ServiceAccess extends StateAccess {
  readonly authority: ServiceAuthority;
  readonly services: ServicesConfig;
}

export const withServices = (
  options: Options,
  work: (access: ServiceAccess) => Promise<number>,
): Promise<number> =>
  withState(options, async (access) => {
    const { config } = await loadConfig(options['config'] as string, process.env);
    const services = config?.services ?? null;
    if (services === null)
      throw new CommandError(
        `${options['config'] as string} names no trust domain; add "services: { trust-domain: example.org }" to identity`,
        Exit.configuration,
      );
    const authority = new ServiceAuthority(
      access.state.services,
      access.state.identity,
      services,
      systemClock,
    );
    return work({ ...access, authority, services });
  });

/** From the file that is named, or the environment; never from the command line, where others can read it. */
export function readPassphrase(options: Options): string {
  const file = options['passphraseFile'] as string | undefined;
  if (file === undefined) {
    const text = process.env['GATEWRIGHT_ROOT_PASSPHRASE'] ?? '';
    if (text === '')
      throw new CommandError(
        'the key of the root needs a passphrase: --passphrase-file, or GATEWRIGHT_ROOT_PASSPHRASE',
        Exit.usage,
      );
    return text;
  }
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new CommandError(`${file} can not be read (${(error as NodeJS.ErrnoException).code})`);
  }
}
