// One process writes a trail. The lock names its process; one that is left behind by a process that is gone is taken over.
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const FILE = 'lock';

/** Process id and when it began, so that another process with the same number is told apart. */
function identityOf(pid: number): string | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return `${pid} ${fields[19]}`;
  } catch {
    try {
      process.kill(pid, 0);
      return `${pid} 0`;
    } catch {
      return null;
    }
  }
}

/** Takes the lock of the folder; answers what releases it, or null while another process holds it. */
export function takeLock(folder: string): (() => void) | null {
  const file = join(folder, FILE);
  const own = identityOf(process.pid)!;
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      const descriptor = openSync(file, 'wx', 0o600);
      writeSync(descriptor, own);
      closeSync(descriptor);
      return () => rmSync(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    let holder: string;
    try {
      holder = readFileSync(file, 'utf8');
    } catch {
      continue;
    }
    const pid = Number(holder.split(' ')[0]);
    if (Number.isSafeInteger(pid) && pid > 0 && holder === identityOf(pid)) return null;
    rmSync(file, { force: true });
  }
  return null;
}
