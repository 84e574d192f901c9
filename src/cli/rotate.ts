// `gatewright rotate`: replaces what is due, or everything with --force, and reports how old the rest is.
import { loadConfig } from '../app/load-config.ts';
import type { GateConfig } from '../config/load.ts';
import { systemClock } from '../core/index.ts';
import {
  issuingDue,
  jwtSvidKeys,
  type RotationReport,
  rotateIssuingIfDue,
  type SigningKeyConfig,
  SigningKeyRing,
  signingKeysOfLogin,
} from '../identity/index.ts';
import { keysOfServer } from '../oauth/contract.ts';
import type { State } from '../stores/index.ts';
import { statusOf } from './keys.ts';
import { Exit, print, printJson } from './output.ts';
import { moment, table, withState } from './state.ts';

/** Everything that the gate signs or seals with. */
function signingKeysOf({ forward, logins, authorizationServer, services }: GateConfig): SigningKeyConfig[] {
  return [
    ...(forward === null ? [] : [{ purpose: 'forward', ...forward }]),
    ...logins.map(signingKeysOfLogin),
    ...(services === null ? [] : [jwtSvidKeys(services)]),
    ...(authorizationServer === null ? [] : keysOfServer(authorizationServer)),
  ];
}

interface IssuingReport {
  /** Authority that was made; null for none. */
  readonly rotated: string | null;
  readonly dueMs: number | null;
  /** The key of the root is in the state. */
  readonly byItself: boolean;
}

async function rotateAuthority(state: State, trustDomain: string): Promise<IssuingReport> {
  const rotated = await rotateIssuingIfDue(state.services, trustDomain, systemClock);
  const { dueMs, root } = issuingDue(await state.services.authorities(trustDomain), Date.now());
  return { rotated, dueMs, byItself: root !== null };
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
    const issuing = config?.services ? await rotateAuthority(state, config.services.trustDomain) : null;
    const removed = await state.identity.prune(nowMs);
    // Only the caller can put a new API key into use: the gate can say that it is time.
    const maxAgeMs = options['maxAge'] as number;
    const old = (await registry.keys()).filter(
      (key) => statusOf(key, nowMs) === 'active' && nowMs - key.createdMs > maxAgeMs,
    );
    if (options['json'] === true) {
      printJson({
        signing: reports,
        issuing,
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
    if (issuing !== null) {
      const { rotated, dueMs, byItself } = issuing;
      if (rotated !== null) print(`The issuing authority ${rotated} was made and signs.`);
      else if (dueMs === null) print('Nothing issues to services: run "gatewright ca init".');
      else
        print(
          `The issuing authority ${dueMs <= nowMs ? 'was to be replaced' : 'is to be replaced'} on ${moment(dueMs)}` +
            `${byItself ? ', which happens by itself' : ': "gatewright ca rotate --root-key FILE"'}.`,
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
