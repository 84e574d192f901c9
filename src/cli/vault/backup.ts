// `gatewright backup` and `gatewright restore`: the state as an age file, and back, looked at before anybody relies on it.
import { createReadStream, createWriteStream, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Decrypter, Encrypter } from 'age-encryption';
import { loadConfig } from '../../app/load-config.ts';
import type { StateConfig } from '../../config/index.ts';
import {
  type BackupReport,
  type FsckReport,
  openEmptyState,
  openState,
  readBackup,
  StateError,
  writeBackup,
} from '../../stores/index.ts';
import { CommandError, Exit, print, printJson } from '../output.ts';
import { withState } from '../state.ts';

type Options = Readonly<Record<string, unknown>>;

/** Longest line of a backup, characters: one row. */
const MAX_LINE = 16 * 1024 * 1024;

function passphraseOf(options: Options): string | null {
  const file = options['passphraseFile'] as string | undefined;
  return file === undefined ? null : readFileSync(file, 'utf8').trim();
}

export const runBackup = (options: Options, file: string): Promise<number> => {
  const recipients = (options['to'] as string[] | undefined) ?? [];
  const passphrase = passphraseOf(options);
  if (recipients.length === 0 && passphrase === null)
    throw new CommandError(
      'a backup is encrypted: name who may open it with --to age1…, or --passphrase-file',
      Exit.usage,
    );
  if (recipients.length > 0 && passphrase !== null)
    throw new CommandError('a backup is for recipients or for a passphrase, not for both', Exit.usage);
  if (existsSync(file)) throw new CommandError(`${file} exists already`);
  return withState(
    options,
    async ({ state }) => {
      const encrypter = new Encrypter();
      try {
        for (const recipient of recipients) encrypter.addRecipient(recipient);
        if (passphrase !== null) encrypter.setPassphrase(passphrase);
      } catch (error) {
        throw new CommandError((error as Error).message, Exit.usage);
      }
      let report: BackupReport | null = null;
      const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
      const writer = writable.getWriter();
      const writing = writeBackup(state.database, Date.now(), (line) => writer.write(Buffer.from(line))).then(
        async (done) => {
          report = done;
          await writer.close();
        },
        (error: unknown) => writer.abort(error),
      );
      try {
        const encrypted = await encrypter.encrypt(readable);
        await pipeline(
          Readable.fromWeb(encrypted as never),
          createWriteStream(file, { mode: 0o600, flags: 'wx', flush: true }),
        );
        await writing;
      } catch (error) {
        rmSync(file, { force: true });
        throw error;
      }
      tell(
        options,
        report!,
        null,
        `Written to ${file}. What unseals the vault is not in it: keep it elsewhere.`,
      );
      return Exit.ok;
    },
    false,
  );
};

export async function runRestore(options: Options, file: string): Promise<number> {
  const { config, diagnostics } = await loadConfig(options['config'] as string, process.env);
  if (config === null)
    throw new CommandError('the configuration has errors', Exit.configuration, diagnostics);
  if (config.state === null) throw new CommandError('the configuration names no state', Exit.configuration);
  const folder = options['verify'] === true ? mkdtempSync(join(tmpdir(), 'gatewright-verify-')) : null;
  try {
    const target = folder === null ? config.state : besides(config.state, folder);
    const { report, fsck } = await restoreInto(target, file, options);
    tell(
      options,
      report,
      fsck,
      folder === null ? `Restored into ${fsck.state}.` : 'The backup is whole and opens.',
    );
    return fsck.problems.length === 0 ? Exit.ok : Exit.failed;
  } catch (error) {
    if (error instanceof StateError) throw new CommandError(error.message);
    throw error;
  } finally {
    if (folder !== null) rmSync(folder, { recursive: true, force: true });
  }
}

/** A state of its own that is unsealed as the configured one. */
function besides(config: StateConfig, folder: string): StateConfig {
  const keyFile = config.kind === 'sqlite' ? `${config.file}.key` : '';
  const sealKey = config.sealKey ?? (existsSync(keyFile) ? readFileSync(keyFile, 'utf8').trim() : null);
  return { kind: 'sqlite', file: join(folder, 'state.db'), sealKey, root: config.root ?? null };
}

async function restoreInto(
  config: StateConfig,
  file: string,
  options: Options,
): Promise<{ report: BackupReport; fsck: FsckReport }> {
  const decrypter = new Decrypter();
  const passphrase = passphraseOf(options);
  if (passphrase !== null) decrypter.addPassphrase(passphrase);
  const identityFile = options['identity'] as string | undefined;
  if (identityFile !== undefined) {
    for (const line of readFileSync(identityFile, 'utf8').split('\n'))
      if (line.startsWith('AGE-SECRET-KEY-')) decrypter.addIdentity(line.trim());
  }
  const database = await openEmptyState(config);
  let report: BackupReport;
  try {
    const clear = await decrypter.decrypt(
      Readable.toWeb(createReadStream(file)) as ReadableStream<Uint8Array>,
    );
    report = await readBackup(database, linesOf(clear));
  } catch (error) {
    if (error instanceof StateError) throw error;
    throw new StateError(`the backup can not be read: ${(error as Error).message}`);
  } finally {
    await database.close();
  }
  const state = await openState(config, Date.now(), false);
  try {
    return { report, fsck: await state.fsck() };
  } finally {
    await state.close();
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let text = '';
  for await (const chunk of stream as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n')) {
      yield text.slice(0, end + 1);
      text = text.slice(end + 1);
    }
    if (text.length > MAX_LINE) throw new StateError('the backup holds a line without an end');
  }
  if (text !== '') throw new StateError('the backup was cut off');
}

function tell(options: Options, report: BackupReport, fsck: FsckReport | null, words: string): void {
  if (options['json'] === true) {
    printJson({ ...report, ...(fsck === null ? {} : { problems: fsck.problems }) });
    return;
  }
  for (const [table, count] of Object.entries(report.rows)) print(`  ${table.padEnd(16)} ${count}`);
  for (const problem of fsck?.problems ?? []) print(`  PROBLEM ${problem}`);
  print(words);
}
