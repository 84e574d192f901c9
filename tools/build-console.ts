// `npm run build:console`: the console's files in dist/console. With `--if-stale` only when its sources are others than those that were
// built; so the demo can ask at every start.
import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = join(root, 'dist', 'console');
const marker = join(target, '.sources');

function digestOfSources(): string {
  const hash = createHash('sha256');
  const files = globSync(['console/**/*.{ts,tsx,css,html,svg,json}', 'src/admin-api/*.ts'], {
    cwd: root,
  }).sort();
  for (const file of files) hash.update(`${file}\n`).update(readFileSync(join(root, file)));
  return hash.digest('hex');
}

/** Builds it; with `ifStale` answers false where nothing was to be done. */
export async function buildConsole(ifStale = false): Promise<boolean> {
  const digest = digestOfSources();
  if (ifStale) {
    try {
      if (readFileSync(marker, 'utf8') === digest) return false;
    } catch {
      // Never built.
    }
  }
  const { build } = await import('vite');
  // Whole or not at all: a gate that starts meanwhile reads the old files or the new ones.
  const made = join(root, 'dist', `.console-${process.pid}`);
  const old = `${made}-old`;
  await build({ configFile: join(root, 'console', 'vite.config.ts'), build: { outDir: made } });
  writeFileSync(join(made, '.sources'), digest);
  if (existsSync(target)) renameSync(target, old);
  renameSync(made, target);
  rmSync(old, { recursive: true, force: true });
  return true;
}

if (import.meta.main) {
  const isBuilt = await buildConsole(process.argv.includes('--if-stale'));
  process.stdout.write(isBuilt ? 'built dist/console\n' : 'dist/console is current\n');
}
