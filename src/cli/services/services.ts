// `gatewright services`: join tokens, certificates and shared credentials of the services in the state.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createJoinToken, reportShared } from '../../identity/index.ts';
import { CommandError, Exit, print, printable, printJson } from '../output.ts';
import { moment, table } from '../state.ts';
import { type Options, withServices } from './access.ts';

/** Rows that are listed at most. */
const MAX_LIST = 1000;

export const runServicesJoin = (options: Options, id: string): Promise<number> =>
  withServices(options, async ({ state }) => {
    const { token, record } = createJoinToken(id, options['expires'] as number, Date.now());
    await state.services.addJoinToken(record);
    if (options['json'] === true)
      printJson({ id: record.id, service: id, token, expiresMs: record.expiresMs });
    else {
      print(`A join token of ${id}, good once until ${moment(record.expiresMs)} (shown once):\n\n  ${token}`);
    }
    return Exit.ok;
  });

export const runServicesTokens = (options: Options): Promise<number> =>
  withServices(options, async ({ state }) => {
    const found = await state.services.joinTokens(Date.now());
    const rows = found.map(({ id, principal, createdMs, expiresMs }) => ({
      id,
      service: principal,
      createdMs,
      expiresMs,
    }));
    if (options['json'] === true) printJson(rows);
    else
      print(
        table(
          ['ID', 'SERVICE', 'CREATED', 'ENDS'],
          rows.map((row) => [row.id, row.service, moment(row.createdMs), moment(row.expiresMs)]),
        ),
      );
    return Exit.ok;
  });

export const runServicesCertificates = (options: Options, id?: string): Promise<number> =>
  withServices(options, async ({ state }) => {
    const found = await state.services.svids(id ?? '', Date.now(), options['all'] === true, MAX_LIST);
    if (options['json'] === true) printJson(found);
    else
      print(
        table(
          ['SERIAL', 'SPIFFE ID', 'ATTESTED BY', 'FROM', 'ENDS', 'WITHDRAWN'],
          found.map((svid) => [
            svid.serial,
            svid.spiffeId,
            svid.attestation,
            moment(svid.notBeforeMs),
            moment(svid.notAfterMs),
            moment(svid.revokedMs),
          ]),
        ),
      );
    return Exit.ok;
  });

export const runServicesIssue = (options: Options, id: string): Promise<number> =>
  withServices(options, async ({ authority }) => {
    const folder = options['out'] as string;
    const files = ['svid.pem', 'svid.key', 'bundle.pem'].map((name) => join(folder, name));
    const taken = files.find((file) => existsSync(file));
    if (taken !== undefined) throw new CommandError(`${taken} exists already`);
    await authority.load();
    const svid = await authority.issueX509(id, 'command');
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const texts = [svid.chain, svid.key, authority.rootsPem];
    files.forEach((file, index) => {
      writeFileSync(file, texts[index]!, { mode: 0o600, flag: 'wx', flush: true });
    });
    const { spiffeId, serial, notAfterMs } = svid;
    if (options['json'] === true) printJson({ spiffeId, serial, notAfterMs, files });
    else print(`${spiffeId} until ${moment(notAfterMs)}, serial ${serial}, in ${folder}.`);
    return Exit.ok;
  });

export const runServicesRevoke = (options: Options, serial: string): Promise<number> =>
  withServices(options, async ({ authority }) => {
    const record = await authority.revoke(serial.toLowerCase());
    if (options['json'] === true) printJson(record);
    else print(`The certificate ${serial} of ${record.spiffeId} is refused from now on.`);
    return Exit.ok;
  });

export const runServicesShared = (options: Options): Promise<number> =>
  withServices(options, async ({ state }) => {
    const report = reportShared([
      ...(await state.services.sightings(Date.now() - (options['since'] as number))),
      ...(await state.services.sharedKeys(Date.now())),
    ]);
    if (options['json'] === true) printJson(report);
    else if (report.length === 0) print('No credential is shared.');
    else
      print(
        table(
          ['CREDENTIAL', 'WHY', 'CALLERS', 'ADDRESSES', 'LAST SEEN'],
          report.map((row) => [
            printable(`${row.kind} ${row.credential}`),
            row.reasons.join(', '),
            printable(row.callers.join(' ')),
            row.addresses.join(' '),
            moment(row.lastMs),
          ]),
        ),
      );
    return Exit.ok;
  });
