// `gatewright rotate`: replaces what is due, or everything with --force, and reports how old the rest is.
import { overdueCredentials } from '../app/rotation-plane.ts';
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
import { rotateVaultKeys } from '../vault/index.ts';
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
  withState(options, async ({ state, config }) => {
    const nowMs = Date.now();
    const force = options['force'] === true;
    const signing: RotationReport[] = [];
    for (const settings of signingKeysOf(config))
      signing.push(await new SigningKeyRing(state.identity, settings, systemClock).rotate(force));
    const issuing =
      config.services === null ? null : await rotateAuthority(state, config.services.trustDomain);
    // A vault that people unseal with shares rotates where it is open.
    const vault = state.vault.sealed
      ? []
      : await rotateVaultKeys(state.vault, config.vault.rotateMs, nowMs, force);
    const removed = await state.identity.prune(nowMs);
    const maxAgeMs = (options['maxAge'] as number | undefined) ?? config.rotation.maxAgeMs;
    const overdue = await overdueCredentials(state, config, maxAgeMs, nowMs);
    if (options['json'] === true) {
      printJson({ signing, issuing, vault, overdue, removed });
      return Exit.ok;
    }
    for (const { purpose, current, next, dueMs, rotated } of signing) {
      print(`${purpose}: ${current} signs${rotated ? ', a new key was made' : ''}.`);
      print(
        next === null
          ? `  The next key is due on ${moment(dueMs)}.`
          : `  ${next.id} is published and signs from ${moment(next.activeMs)}.`,
      );
    }
    if (issuing !== null) print(issuingText(issuing, nowMs));
    for (const { key, dueMs, rotated, records } of vault) {
      print(`vault: ${key} ${rotated ? `has a new version, ${records} records were moved` : 'stays'}.`);
      if (dueMs !== null) print(`  The next version is due on ${moment(dueMs)}.`);
    }
    if (signing.length === 0 && vault.length === 0)
      print(
        'The gate signs and seals nothing: there is no identity.forward, no login and no authorization server.',
      );
    if (overdue.length > 0) {
      print('\nOlder than it should be, and for somebody to replace:\n');
      print(
        table(
          ['WHAT', 'ID', 'OWNER', 'SINCE', 'LAST USED', 'HOW'],
          overdue.map(({ kind, id, owner, sinceMs, lastUsedMs }) => [
            kind,
            id,
            owner,
            moment(sinceMs),
            moment(lastUsedMs),
            `gatewright ${remedies[kind]}${kind === 'issuing-authority' ? '' : ` ${id}`}`,
          ]),
        ),
      );
    }
    return Exit.ok;
  });

const remedies = {
  'api-key': 'keys rotate',
  'client-secret': 'clients secret',
  'issuing-authority': 'ca rotate --root-key FILE',
} as const;

function issuingText({ rotated, dueMs, byItself }: IssuingReport, nowMs: number): string {
  if (rotated !== null) return `The issuing authority ${rotated} was made and signs.`;
  if (dueMs === null) return 'Nothing issues to services: run "gatewright ca init".';
  return (
    `The issuing authority ${dueMs <= nowMs ? 'was to be replaced' : 'is to be replaced'} on ${moment(dueMs)}` +
    `${byItself ? ', which happens by itself' : ': "gatewright ca rotate --root-key FILE"'}.`
  );
}
