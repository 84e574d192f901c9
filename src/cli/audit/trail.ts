// What the commands of the audit trail share: which trail, which entries, who is asking.
import { userInfo } from 'node:os';
import { loadConfig } from '../../app/load-config.ts';
import { AuditError, type EntryFilter, TrailReader } from '../../audit/index.ts';
import type { GateConfig } from '../../config/index.ts';
import { verifierText } from '../../merkle/index.ts';
import { CommandError, Exit } from '../output.ts';

export type Options = Readonly<Record<string, unknown>>;
export type Audit = NonNullable<GateConfig['audit']>;

export async function auditOf(options: Options): Promise<Audit> {
  const file = options['config'] as string;
  const { config, diagnostics } = await loadConfig(file, process.env);
  if (config === null)
    throw new CommandError('the configuration has errors', Exit.configuration, diagnostics);
  if (config.audit === null)
    throw new CommandError(
      `${file} names no audit trail; add a line such as "audit: { folder: ./audit }"`,
      Exit.configuration,
    );
  return config.audit;
}

export async function withReader(
  options: Options,
  work: (reader: TrailReader, audit: Audit) => number | Promise<number>,
): Promise<number> {
  const audit = await auditOf(options);
  try {
    return await work(new TrailReader(audit.folder, audit.origin, audit.secret), audit);
  } catch (error) {
    if (error instanceof AuditError || error instanceof RangeError) throw new CommandError(error.message);
    throw error;
  }
}

/** Keys that verify the trail, one a line: Ed25519 first. */
export const keyOf = (reader: TrailReader, audit: Audit): string =>
  reader.keys.signers(audit.origin, false).map(verifierText).join('\n');

export function filterOf(options: Options): EntryFilter {
  const time = (name: string): number | undefined => {
    const text = options[name];
    if (typeof text !== 'string') return undefined;
    const ms = Date.parse(text);
    if (Number.isNaN(ms))
      throw new CommandError(`--${name} is no time: write 2026-11-25T08:00:00Z`, Exit.usage);
    return ms;
  };
  const entries = {
    fromMs: time('from'),
    toMs: time('to'),
    action: options['action'] as string | undefined,
    outcome: options['outcome'] as string | undefined,
    who: options['who'] as string | undefined,
    requestId: options['request'] as string | undefined,
    traceId: options['trace'] as string | undefined,
  };
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined));
}

/** Who gives the command, for the trail. */
export const operator = (): { kind: string; id: string } => ({ kind: 'operator', id: userInfo().username });
