// `gatewright ca`: what is done with roots and issuing authorities of the state.
import { systemClock } from '../../core/index.ts';
import {
  type AuthorityRecord,
  createRoot,
  fingerprintOf,
  formatBundle,
  installIssuing,
  installRoot,
  issuingDue,
  type RootKey,
  readRootKey,
  requestIssuing,
  rotateIssuing,
  sealRootKey,
  writeRootKey,
} from '../../identity/index.ts';
import { CommandError, Exit, print, printJson } from '../output.ts';
import { moment, table } from '../state.ts';
import { type Options, readPassphrase, type ServiceAccess, withServices } from './access.ts';
import { readInput } from './ca-request.ts';

export const runCaInit = (options: Options): Promise<number> =>
  withServices(options, async ({ state, services }) => {
    const known = await state.services.authorities(services.trustDomain);
    if (known.length > 0) throw new CommandError(`there is an authority for ${services.trustDomain} already`);
    const made = await newRoot(
      options,
      options['rootKey'] as string | undefined,
      state.services,
      services.trustDomain,
      true,
    );
    if (options['json'] === true) printJson(made);
    else {
      print(
        `The authority for ${services.trustDomain} is made: root ${made.root}, issuing authority ${made.issuing}.`,
      );
      if (made.rootKey !== null)
        print(
          `\nThe key of the root is in ${made.rootKey}. Take it away from this machine, with a copy, and keep its passphrase elsewhere.`,
        );
    }
    return Exit.ok;
  });

async function newRoot(
  options: Options,
  file: string | undefined,
  store: ServiceAccess['state']['services'],
  trustDomain: string,
  isFirst: boolean,
) {
  const keepRootKey = options['rootInState'] === true;
  if (file === undefined && !keepRootKey)
    throw new CommandError(
      'where does the key of the root go? --root-key FILE, or --root-in-state',
      Exit.usage,
    );
  const root = await createRoot(trustDomain, Date.now());
  // INVARIANT: the file is on the disk before the state knows of the root. A crash between leaves a key of nothing.
  if (file !== undefined) writeRootKey(file, sealRootKey(root, readPassphrase(options)));
  const issuingLifeMs = options['issuingLife'] as number;
  const made = await installRoot(store, root, isFirst, { keepRootKey, issuingLifeMs }, systemClock);
  return { ...made, rootKey: file ?? null };
}

export const runCaRotate = (options: Options): Promise<number> =>
  withServices(options, async ({ state, services }) => {
    const { trustDomain } = services;
    const newRootFile = options['newRoot'] as string | undefined;
    if (newRootFile !== undefined) {
      const made = await newRoot(options, newRootFile, state.services, trustDomain, false);
      if (options['json'] === true) printJson(made);
      else
        print(
          `The root ${made.root} is trusted from now on; ${made.issuing} below it signs from ${moment(made.activeMs)}.\n` +
            'The old root is trusted until it ends or "gatewright ca revoke" withdraws it.',
        );
      return Exit.ok;
    }
    const root = await rootOf(options, state.services, trustDomain);
    const issuing = await rotateIssuing(state.services, root, systemClock, options['issuingLife'] as number);
    if (options['json'] === true) printJson({ root: root.id, issuing });
    else print(`The issuing authority ${issuing} signs from now on.`);
    return Exit.ok;
  });

async function rootOf(
  options: Options,
  store: ServiceAccess['state']['services'],
  trustDomain: string,
): Promise<RootKey> {
  const file = options['rootKey'] as string | undefined;
  if (file !== undefined) return readRootKey(file, readPassphrase(options));
  const { root } = issuingDue(await store.authorities(trustDomain), Date.now());
  if (root === null)
    throw new CommandError(
      'the key of the root is not in the state: give it with --root-key, or use "gatewright ca request"',
    );
  return root;
}

const statusOf = (record: AuthorityRecord, nowMs: number): string =>
  record.revokedMs !== null
    ? 'withdrawn'
    : record.certificate === ''
      ? 'requested'
      : record.untilMs <= nowMs
        ? 'ended'
        : record.activeMs > nowMs
          ? 'published'
          : 'active';

export const runCaList = (options: Options): Promise<number> =>
  withServices(options, async ({ state, services }) => {
    const nowMs = Date.now();
    const known = await state.services.authorities(services.trustDomain);
    const rows = known.map((record) => ({
      id: record.id,
      kind: record.kind,
      status: statusOf(record, nowMs),
      parent: record.parent,
      activeMs: record.activeMs,
      untilMs: record.untilMs,
      key: record.key === '' ? 'elsewhere' : 'sealed',
      sha256: record.certificate === '' ? '' : fingerprintOf(record.certificate),
    }));
    if (options['json'] === true) printJson(rows);
    else
      print(
        table(
          ['ID', 'KIND', 'STATUS', 'BELOW', 'ACTIVE', 'ENDS', 'KEY'],
          rows.map((row) => [
            row.id,
            row.kind,
            row.status,
            row.parent === '' ? '-' : row.parent,
            moment(row.activeMs),
            moment(row.untilMs),
            row.key,
          ]),
        ),
      );
    return Exit.ok;
  });

export const runCaExport = (options: Options): Promise<number> =>
  withServices(options, async ({ authority }) => {
    await authority.load();
    if (authority.authorities.length === 0)
      throw new CommandError('there is no authority yet: "gatewright ca init"');
    const format = options['format'];
    if (format === 'bundle') print(JSON.stringify(JSON.parse(formatBundle(authority.bundle)), null, 2));
    else process.stdout.write(format === 'crl' ? await authority.revocationLists() : authority.rootsPem);
    return Exit.ok;
  });

export const runCaRequest = (options: Options): Promise<number> =>
  withServices(options, async ({ state, services }) => {
    const made = await requestIssuing(state.services, services.trustDomain, systemClock);
    if (options['json'] === true) printJson(made);
    else process.stdout.write(made.request);
    return Exit.ok;
  });

export const runCaInstall = (options: Options, certificate: string): Promise<number> =>
  withServices(options, async ({ state, services }) => {
    const id = await installIssuing(
      state.services,
      services.trustDomain,
      readInput(certificate),
      systemClock,
    );
    if (options['json'] === true) printJson({ issuing: id });
    else print(`The issuing authority ${id} is in use.`);
    return Exit.ok;
  });

export const runCaRevoke = (options: Options, id: string): Promise<number> =>
  withServices(options, async ({ state, services }) => {
    const known = await state.services.authorities(services.trustDomain);
    const record = known.find((entry) => entry.id === id && entry.certificate !== '');
    if (record === undefined) throw new CommandError(`there is no authority "${id}"`);
    await state.services.revokeAuthority(id, fingerprintOf(record.certificate), Date.now(), record.untilMs);
    if (options['json'] === true) printJson({ id, revoked: true });
    else print(`The authority ${id} is withdrawn, with all that it has signed.`);
    return Exit.ok;
  });
