// `gatewright secrets scan`: exit code 0 when no secret lies around, 1 when one does that the baseline does not know.
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { version } from '../../app/version.ts';
import {
  type FoundSecret,
  fileTexts,
  historyTexts,
  type LeakedSecret,
  messageOf,
  type Skipped,
  type SourceText,
  scanText,
  stagedTexts,
  toSarif,
} from '../../secret-scan/index.ts';
import { CommandError, Exit, print, printable, printJson } from '../output.ts';

type Options = Readonly<Record<string, unknown>>;

const text = (options: Options, name: string): string | null => (options[name] as string | undefined) ?? null;

export async function runSecretsScan(options: Options, paths: readonly string[]): Promise<number> {
  const skipped: Skipped[] = [];
  const found = new Map<string, FoundSecret>();
  for await (const source of sourcesOf(options, paths, (file) => void skipped.push(file))) {
    for (const secret of scanText(source)) {
      // One secret in many versions of a file is one finding.
      const key = JSON.stringify([secret.path, secret.fingerprint, secret.blob === null ? secret.line : '']);
      if (!found.has(key)) found.set(key, secret);
    }
  }
  const baseline = text(options, 'baseline');
  if (options['writeBaseline'] === true) return writeBaseline(baseline, [...found.values()]);
  const known = baseline === null ? new Set<string>() : readBaseline(baseline);
  const fresh = [...found.values()].filter((secret) => !known.has(keyOf(secret)));
  const verify = text(options, 'verify');
  const findings: LeakedSecret[] = [];
  for (const { secret, ...finding } of fresh)
    findings.push(
      verify === null ? finding : { ...finding, live: await isLive(verify, finding.kind, secret) },
    );
  const format = options['json'] === true ? 'json' : options['format'];
  if (format === 'json') printJson({ ok: findings.length === 0, findings, skipped });
  else if (format === 'sarif') printJson(toSarif(findings, version));
  else printFindings(findings, found.size - fresh.length, skipped);
  return findings.length === 0 ? Exit.ok : Exit.failed;
}

async function* sourcesOf(
  options: Options,
  paths: readonly string[],
  onSkipped: (skipped: Skipped) => void,
): AsyncGenerator<SourceText> {
  const roots = paths.length === 0 ? ['.'] : paths;
  try {
    if (options['staged'] === true) {
      const staged = await stagedTexts(roots[0]!);
      if (staged === null) throw new Error('there is no git repository');
      yield* staged;
    } else {
      yield* fileTexts(roots, onSkipped);
      if (options['history'] === true) yield* historyTexts(roots[0]!, onSkipped);
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new CommandError(
      `${roots.join(' ')}: ${code === 'ENOENT' ? 'there is no such file' : message}`,
      Exit.usage,
    );
  }
}

function printFindings(findings: readonly LeakedSecret[], known: number, skipped: readonly Skipped[]): void {
  for (const finding of findings)
    print(printable(`${finding.path}:${finding.line}:${finding.column}: ${messageOf(finding)}`));
  for (const { path, reason } of skipped) print(printable(`${path}: not read (${reason})`));
  const count =
    findings.length === 0
      ? 'No secret found'
      : `${findings.length} secret${findings.length === 1 ? '' : 's'} found`;
  print(`${count}${known === 0 ? '' : `, ${known} more known to the baseline`}.`);
  if (findings.length > 0)
    print(
      'Revoke or rotate what was ever shared, then take it out: "gatewright secrets put" keeps it, `${vault:path#field}` leads to it.\n' +
        'What is meant to stand there: a comment "gatewright:allow-secret" on its line or the line before.',
    );
}

// Baselines.

const keyOf = ({ path, fingerprint }: LeakedSecret): string => `${fingerprint} ${path}`;

function writeBaseline(file: string | null, findings: readonly LeakedSecret[]): number {
  if (file === null) throw new CommandError('--write-baseline needs --baseline <file>', Exit.usage);
  const lines = [...new Set(findings.map(keyOf))].sort();
  writeFileSync(
    file,
    `# Findings of gatewright secrets scan that are known: fingerprint, path.\n${lines.map((line) => `${line}\n`).join('')}`,
  );
  print(`${file}: ${lines.length} known.`);
  return Exit.ok;
}

function readBaseline(file: string): Set<string> {
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandError(`${file} can not be read (${(error as NodeJS.ErrnoException).code})`, Exit.usage);
  }
  return new Set(content.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('#')));
}

// Verification.

/** A program of the user's: secret on standard input, kind in SECRET_KIND; 0 for live, 1 for dead, else it can't tell. */
function isLive(command: string, kind: string, secret: string): Promise<boolean | null> {
  return new Promise((resolve) => {
    const child = spawn(command, {
      shell: true,
      stdio: ['pipe', 'ignore', 'inherit'],
      env: { ...process.env, SECRET_KIND: kind },
      timeout: VERIFY_TIMEOUT_MS,
    });
    child.once('error', () => resolve(null));
    child.once('close', (code) => resolve(code === 0 ? true : code === 1 ? false : null));
    child.stdin.on('error', () => {});
    child.stdin.end(secret);
  });
}

const VERIFY_TIMEOUT_MS = 30_000;
