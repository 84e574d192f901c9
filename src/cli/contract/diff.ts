// `gatewright contract diff`: exit code 0 when nothing that counts has changed, 1 when something has, 3 when a contract can
// not be read.
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { version } from '../../app/version.ts';
import { type Change, compareContracts, toMarkdown, toSarif, toText } from '../../contract-diff/index.ts';
import { Diagnostics } from '../../core/index.ts';
import { type Contract, localDocuments, parseContract } from '../../openapi/document.ts';
import { CommandError, Exit, print, printJson } from '../output.ts';

export async function runContractDiff(
  options: Readonly<Record<string, unknown>>,
  oldFile: string,
  newFile: string,
): Promise<number> {
  const changes = compareContracts(read(oldFile), read(newFile));
  const counted = changes.filter((change) => counts(change, options['failOn'] as string));
  const format = options['json'] === true ? 'json' : options['format'];
  if (format === 'json') printJson({ ok: counted.length === 0, changes });
  else if (format === 'sarif') printJson(toSarif(changes, { old: oldFile, next: newFile }, version));
  else print(format === 'markdown' ? toMarkdown(changes) : toText(changes));
  return counted.length === 0 ? Exit.ok : Exit.failed;
}

const counts = ({ level }: Change, failOn: string): boolean =>
  failOn === 'any' ? level !== 'compatible' : level === failOn;

function read(file: string): Contract {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandError(
      `${file} can not be read (${(error as NodeJS.ErrnoException).code})`,
      Exit.configuration,
    );
  }
  const diagnostics = new Diagnostics();
  const contract = parseContract(text, file, diagnostics, {
    path: resolve(file),
    others: localDocuments([dirname(resolve(file))]),
  });
  if (contract === null || diagnostics.hasErrors) {
    throw new CommandError(
      `${file} is no contract that can be compared`,
      Exit.configuration,
      diagnostics.all,
    );
  }
  return contract;
}
