// Administrative acts of the command line become entries of the trail: which command, on what, by whom; never its other
// arguments, which may be secrets. The gate takes them in when it runs, or at its next start.
import { userInfo } from 'node:os';
import { loadConfig } from '../../app/load-config.ts';
import { leaveInInbox } from '../../audit/index.ts';

/** Commands that change nothing, by their first word and by their last; every other one is an act. */
const readers: ReadonlySet<string> = new Set([
  'audit',
  'check',
  'completion',
  'contract',
  'demo',
  'fsck',
  'init',
  'intel',
  'logs',
  'policy',
  'remote',
  'start',
  'waf',
]);
const reading: ReadonlySet<string> = new Set([
  'bundle',
  'certificates',
  'credentials',
  'get',
  'hash',
  'list',
  'lookup',
  'read',
  'report',
  'shared',
  'show',
  'suppressions',
  'status',
  'tokens',
]);

const isName = /^[A-Za-z0-9][A-Za-z0-9_.:@/|-]{0,127}$/;

/** `words` are the command's names from the program down. Answers a warning where the entry could not be left; else empty. */
export async function recordAct(
  words: readonly string[],
  options: Readonly<Record<string, unknown>>,
  args: readonly unknown[],
): Promise<string> {
  if (readers.has(words[0]!) || reading.has(words.at(-1)!) || typeof options['config'] !== 'string')
    return '';
  const { config } = await loadConfig(options['config'], process.env);
  if (config === null || config.audit === null) return '';
  const [first] = args;
  // What a token command is given is the token.
  const isSafe = typeof first === 'string' && isName.test(first) && words[0] !== 'token';
  try {
    leaveInInbox(
      config.audit.folder,
      {
        action: 'state.change',
        outcome: 'success',
        actor: { kind: 'operator', id: userInfo().username },
        target: isSafe ? { kind: words[0] ?? '', id: first } : null,
        details: { event: words.join(' ') },
      },
      Date.now(),
    );
    return '';
  } catch (error) {
    return `the audit trail has no entry of this: ${(error as Error).message}`;
  }
}
