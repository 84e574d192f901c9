// A clone has the console as source: the demo builds it where it is missing or older than its sources. The package comes with it
// built, and without the tool.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const tool = fileURLToPath(new URL('../../tools/build-console.ts', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));

/** Never rejects: without a console everything else works, and its page says how to build it. */
export async function buildConsole(print: (line: string) => void, isQuiet: boolean): Promise<void> {
  if (!existsSync(tool) || !existsSync(`${root}/node_modules/vite`)) return;
  if (!existsSync(`${root}/dist/console/index.html`) && !isQuiet) print('Building the console, once…');
  try {
    await promisify(execFile)(process.execPath, [tool, '--if-stale'], { cwd: root });
  } catch (error) {
    if (!isQuiet) print(`The console could not be built: ${(error as Error).message}`);
  }
}
