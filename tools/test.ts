// The test runner behind `npm test`: Node's own, with short output, failures in full, skipped tests said out loud, and
// a last line that counts.

import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { run } from 'node:test';

interface TestEvent {
  readonly name: string;
  readonly nesting: number;
  readonly file?: string;
  readonly skip?: boolean | string;
  readonly todo?: boolean | string;
  readonly details: {
    readonly error?: { readonly cause?: unknown; readonly stack?: string };
    readonly type?: string;
    readonly duration_ms: number;
  };
}

const patterns = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const files = (patterns.length > 0 ? patterns : ['src/**/*.test.ts', 'test/**/*.test.ts'])
  .flatMap((pattern) => globSync(pattern))
  .sort();
if (files.length === 0) {
  process.stderr.write('no test files\n');
  process.exit(1);
}

const TEST_TIMEOUT_MS = 120_000;
/** Files whose tests took longer are named at the end, the slowest of them. */
const SLOW_MS = 10_000;
const SLOWEST_SHOWN = 15;
const counts = { passed: 0, failed: 0, skipped: 0 };
const skipped: string[] = [];
const perFile = new Map<string, number>();
/** Time that the tests of each file took, ms. */
const perFileMs = new Map<string, number>();
const startMs = performance.now();

const isLeaf = (event: TestEvent): boolean => event.details.type !== 'suite';

/** What a test took counts once, with all tests within it. */
const addTime = ({ nesting, file = '', details }: TestEvent): void => {
  if (nesting === 0) perFileMs.set(file, (perFileMs.get(file) ?? 0) + details.duration_ms);
};

const stream = run({ files, concurrency: Math.min(2, availableParallelism()), timeout: TEST_TIMEOUT_MS });
stream.on('test:pass', (event: TestEvent) => {
  addTime(event);
  if (!isLeaf(event)) return;
  if (event.skip !== undefined && event.skip !== false) {
    counts.skipped++;
    skipped.push(`${event.name}: ${event.skip === true ? 'no reason given' : event.skip}`);
    return;
  }
  counts.passed++;
  perFile.set(event.file ?? '', (perFile.get(event.file ?? '') ?? 0) + 1);
});
stream.on('test:fail', (event: TestEvent) => {
  addTime(event);
  if (!isLeaf(event)) return;
  counts.failed++;
  const error = event.details.error;
  const cause = error?.cause;
  const text =
    cause instanceof Error ? (cause.stack ?? cause.message) : String(cause ?? error?.stack ?? error);
  process.stdout.write(`\nFAILED ${event.name}\n  ${event.file ?? ''}\n${text.replace(/^/gm, '  ')}\n`);
});
stream.on('test:stderr', ({ message }: { message: string }) => process.stderr.write(message));
await new Promise<void>((resolve, reject) => {
  stream.on('end', resolve);
  stream.on('error', reject);
  stream.resume();
});

const nameOf = (file: string): string => file.replace(`${process.cwd()}/`, '');
for (const [file, count] of [...perFile].sort())
  process.stdout.write(`${String(count).padStart(5)} ${nameOf(file)}\n`);
const slowest = [...perFileMs]
  .filter(([, ms]) => ms >= SLOW_MS)
  .sort(([, a], [, b]) => b - a)
  .slice(0, SLOWEST_SHOWN);
for (const [file, ms] of slowest)
  process.stdout.write(`${(ms / 1000).toFixed(0).padStart(5)} s ${nameOf(file)}\n`);
if (skipped.length > 0) process.stdout.write(`\nSKIPPED\n${skipped.map((line) => `  ${line}`).join('\n')}\n`);
process.stdout.write(`\n${((performance.now() - startMs) / 1000).toFixed(1)} s\n`);
process.stdout.write(
  `${counts.passed} passed, ${counts.failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''}\n`,
);
process.exit(counts.failed > 0 ? 1 : 0);
