// `gatewright audit witness`: a witness that cosigns the checkpoints of other people's trails, to be run where their operators can not
// reach it.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { AuditError, serveWitness, Witness } from '../../audit/index.ts';
import { type NoteVerifier, parseVerifier, SignatureKind } from '../../merkle/index.ts';
import { CommandError, Exit, print, printable } from '../output.ts';

type Options = Readonly<Record<string, unknown>>;

export async function runAuditWitness(options: Options): Promise<number> {
  const text = (name: string): string => (options[name] as string | undefined) ?? '';
  const secret = process.env['GATEWRIGHT_WITNESS_SEAL'] ?? null;
  if (secret !== null && secret.length < 32)
    throw new CommandError('GATEWRIGHT_WITNESS_SEAL needs 32 characters or more', Exit.usage);
  const isTls = text('tlsCert') !== '' || text('tlsKey') !== '';
  if (isTls && (text('tlsCert') === '' || text('tlsKey') === ''))
    throw new CommandError('--tls-cert and --tls-key go together', Exit.usage);
  const isLoopback = /^(?:127\.\d+\.\d+\.\d+|::1|localhost)$/.test(text('host'));
  if (!isTls && !isLoopback)
    throw new CommandError('beyond loopback a witness needs --tls-cert and --tls-key', Exit.usage);
  try {
    const witness = Witness.open({
      folder: resolve(text('folder')),
      name: text('name'),
      logs: (options['log'] as string[]).flatMap(readKeys),
      secret,
      onContradiction: (origin, what) =>
        print(`CONTRADICTION ${printable(origin)}: ${what}; the note is kept in evidence/`),
    });
    const server = await serveWitness(witness, {
      host: text('host'),
      port: Number(text('port')),
      tls: isTls ? { certificate: readText(text('tlsCert')), key: readText(text('tlsKey')) } : null,
      onProblem: (problem) => print(`PROBLEM ${printable(problem)}`),
    });
    print(`Witness ${text('name')} listens at ${server.url}. Its keys:`);
    for (const key of witness.keys) print(key);
    await new Promise<void>((done) => {
      process.once('SIGTERM', done);
      process.once('SIGINT', done);
    });
    await server.close();
    witness.close();
    return Exit.ok;
  } catch (error) {
    if (error instanceof AuditError || error instanceof RangeError) throw new CommandError(error.message);
    if (['EADDRINUSE', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? ''))
      throw new CommandError(`${text('host')}:${text('port')} can not be listened on`);
    throw error;
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandError(`${file} can not be read (${(error as NodeJS.ErrnoException).code})`, Exit.usage);
  }
}

/** A key, or a file with keys as `gatewright audit key` prints them. */
function readKeys(text: string): NoteVerifier[] {
  const lines = parseVerifier(text) === null ? readText(text).trim().split(/\s+/) : [text];
  return lines.map((line) => {
    const key = parseVerifier(line);
    if (key === null || key.kind === SignatureKind.cosignature)
      throw new CommandError(`"${printable(line.slice(0, 60))}" is not the key of a trail`, Exit.usage);
    return key;
  });
}
