// `npm run build:console`: the console's files in dist/console. With `--if-stale` only when its sources are others than those that were
// built; so the demo can ask at every start.
import { createHash } from 'node:crypto';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const marker = join(root, 'dist', 'console', '.sources');

function digestOfSources(): string {
  const hash = createHash('sha256');
  const files = globSync(['console/**/*.{ts,tsx,css,html,svg,json}', 'src/admin-api/schemas.ts'], {
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
  await build({ configFile: join(root, 'console', 'vite.config.ts') });
  writeFileSync(marker, digest);
  return true;
}

if (import.meta.main) {
  const isBuilt = await buildConsole(process.argv.includes('--if-stale'));
  process.stdout.write(isBuilt ? 'built dist/console\n' : 'dist/console is current\n');
}
