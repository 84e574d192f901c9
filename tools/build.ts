// `npm run build`: src/ as JavaScript with types in dist/, and the files that the program reads beside its code.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, globSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildConsole } from './build-console.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

// The console has a build of its own, and another process may be serving it.
for (const name of existsSync(join(root, 'dist')) ? readdirSync(join(root, 'dist')) : [])
  if (!name.startsWith('.console') && name !== 'console')
    rmSync(join(root, 'dist', name), { recursive: true, force: true });
execFileSync(join(root, 'node_modules', '.bin', 'tsc'), ['-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
});
const files = globSync('src/**/*', { cwd: root, withFileTypes: true })
  .filter((entry) => entry.isFile() && !entry.name.endsWith('.ts'))
  .map((entry) => join(entry.parentPath, entry.name));
for (const file of files) cpSync(file, file.replace(join(root, 'src'), join(root, 'dist')));
await buildConsole(true);
process.stdout.write(`built dist/ with ${files.length} files beside the code\n`);
