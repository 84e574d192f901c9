// `gatewright rotate`: replaces what is due, or everything with --force, and reports how old the rest is.
import { loadConfig } from '../app/load-config.ts';
import type { GateConfig } from '../config/load.ts';
import { systemClock } from '../core/index.ts';
import {
  type RotationReport,
  type SigningKeyConfig,
  SigningKeyRing,
  signingKeysOfLogin,
} from '../identity/index.ts';
import { keysOfServer } from '../oauth/contract.ts';
import { statusOf } from './keys.ts';
import { Exit, print, printJson } from './output.ts';
import { moment, table, withState } from './state.ts';

/** Everything that the gate signs or seals with. */
function signingKeysOf({ forward, logins, authorizationServer }: GateConfig): SigningKeyConfig[] {
  return [
    ...(forward === null ? [] : [{ purpose: 'forward', ...forward }]),
    ...logins.map(signingKeysOfLogin),
    ...(authorizationServer === null ? [] : keysOfServer(authorizationServer)),
  ];
}

export const runRotate = (options: Readonly<Record<string, unknown>>): Promise<number> =>
  withState(options, async ({ state, registry }) => {
    const { config } = await loadConfig(options['config'] as string, process.env);
    const nowMs = Date.now();
    const reports: RotationReport[] = [];
    for (const settings of config === null ? [] : signingKeysOf(config)) {
      const ring = new SigningKeyRing(state.identity, settings, systemClock);
      reports.push(await ring.rotate(options['force'] === true));
    }
    const removed = await state.identity.prune(nowMs);
    // Only the caller can put a new API key into use: the gate can say that it is time.
    const maxAgeMs = options['maxAge'] as number;
    const old = (await registry.keys()).filter(
      (key) => statusOf(key, nowMs) === 'active' && nowMs - key.createdMs > maxAgeMs,
    );
    if (options['json'] === true) {
      printJson({
        signing: reports,
        keysToRotate: old.map(({ id, principal, createdMs, lastUsedMs }) => ({
          id,
          principal,
          createdMs,
          lastUsedMs,
        })),
        removed,
      });
      return Exit.ok;
    }
    for (const { purpose, current, next, dueMs, rotated } of reports) {
      print(`${purpose}: ${current} signs${rotated ? ', a new key was made' : ''}.`);
      print(
        next === null
          ? `  The next key is due on ${moment(dueMs)}.`
          : `  ${next.id} is published and signs from ${moment(next.activeMs)}.`,
      );
    }
    if (reports.length === 0)
      print(
        'The gate signs and seals nothing: there is no identity.forward, no login and no authorization server.',
      );
    if (old.length > 0) {
      print('\nAPI keys that are older than they should be; "gatewright keys rotate <id>" makes the next:\n');
      print(
        table(
          ['ID', 'OWNER', 'CREATED', 'LAST USED'],
          old.map((key) => [key.id, key.principal, moment(key.createdMs), moment(key.lastUsedMs)]),
        ),
      );
    }
    return Exit.ok;
  });
