// The layer rule: reads every import under src/ and compares it with tools/layers.json. A folder is used through its
// index.ts; deeper doors that are open to one user are listed there.
import { globSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

interface Rules {
  readonly layers: Readonly<Record<string, readonly string[]>>;
  readonly doors: Readonly<Record<string, readonly string[]>>;
  readonly sameLayer: readonly (readonly [string, string])[];
  readonly within: readonly (readonly [string, string])[];
  readonly only: Readonly<Record<string, readonly string[]>>;
  readonly openFiles: readonly string[];
}

const root = fileURLToPath(new URL('..', import.meta.url));
const rules = JSON.parse(readFileSync(new URL('./layers.json', import.meta.url), 'utf8')) as Rules;
const layerOf = new Map(
  Object.entries(rules.layers).flatMap(([layer, folders]) =>
    folders.map((folder) => [folder, Number(layer)] as const),
  ),
);

/** Capability of a file: the door it belongs to (`guards/limit`), or its top folder (`jose`). */
function roomOf(file: string): { top: string; room: string } {
  const parts = file.split('/');
  const top = parts[0]!;
  const room = rules.doors[top]?.find((door) => file.startsWith(`${door}/`)) ?? top;
  return { top, room };
}

const problems: string[] = [];
const pattern =
  /(?:^|\n)\s*(?:import|export)\s[^'"]*?from\s+['"](\.[^'"]+)['"]|(?:^|\n)import\s+['"](\.[^'"]+)['"]|import\(\s*['"](\.[^'"]+)['"]\s*\)/g;
let imports = 0;
for (const path of globSync('src/**/*.ts', { cwd: root })) {
  const file = relative('src', path);
  if (file.endsWith('.test.ts')) continue;
  const from = roomOf(file);
  const fromLayer = layerOf.get(from.top);
  if (fromLayer === undefined) {
    problems.push(`${path}: the folder ${from.top}/ has no layer`);
    continue;
  }
  const text = readFileSync(resolve(root, path), 'utf8');
  for (const match of text.matchAll(pattern)) {
    imports++;
    const target = relative(
      'src',
      relative(root, resolve(root, dirname(path), (match[1] ?? match[2] ?? match[3])!)),
    );
    const to = roomOf(target);
    const line = text.slice(0, match.index + 1).split('\n').length;
    const say = (what: string): void => void problems.push(`${path}:${line}: ${what}: ${target}`);
    const toLayer = layerOf.get(to.top);
    if (toLayer === undefined) {
      say('imports from outside of src or from a folder without a layer');
      continue;
    }
    if (from.room === to.room) continue;
    const isDoor = target === `${to.room}/index.ts` || rules.openFiles.includes(target);
    if (!isDoor) say('goes past the door (index.ts)');
    if (from.top === to.top) {
      const allowed = rules.within.some(([a, b]) => a === from.room && b === to.room);
      if (!allowed && from.room !== from.top) say('imports a neighbour');
    } else if (toLayer > fromLayer) say('imports upward');
    else if (toLayer === fromLayer && !rules.sameLayer.some(([a, b]) => a === from.top && b === to.top))
      say('imports a folder of the same layer');
    const only = rules.only[from.top];
    if (only !== undefined && !only.includes(to.room)) say(`may import ${only.join(', ')} only`);
  }
}
if (problems.length > 0) {
  process.stderr.write(`${problems.join('\n')}\n${problems.length} breaches of the layer rule\n`);
  process.exit(1);
}
process.stdout.write(`${imports} imports keep to the layers\n`);
