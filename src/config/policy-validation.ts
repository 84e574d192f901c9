// Policies against the schema of their API, by the reference implementation. A large set takes it seconds, and on the main
// thread nobody would read the rings of the access log meanwhile: it gets a thread of its own.
import { Worker } from 'node:worker_threads';
import type { Diagnostic, Diagnostics } from '../core/index.ts';
import type { PolicySyntax } from '../policy/index.ts';

export interface PolicyValidation {
  readonly policies: readonly PolicySyntax[];
  /** Cedar's own text. */
  readonly schema: string;
  /** Operations that the schema describes. */
  readonly operations: number;
}

/** Policies times operations that are quickly done: some ten milliseconds. */
const SMALL = 2000;

export async function validatePolicySets(
  sets: readonly PolicyValidation[],
  diagnostics: Diagnostics,
): Promise<void> {
  for (const set of sets) {
    if (set.policies.length * set.operations <= SMALL) {
      // 4 MB of WebAssembly: it comes only when there is something for it to do.
      const { validatePolicies } = await import('../policy/reference.ts');
      validatePolicies(set.policies, set.schema, diagnostics);
    } else {
      diagnostics.all.push(...(await validateAside(set)));
    }
  }
}

/** Rejects when the thread ends without a word: a configuration that could not be checked is not loaded. */
function validateAside(set: PolicyValidation): Promise<readonly Diagnostic[]> {
  const file = import.meta.url.endsWith('.ts')
    ? './policy-validation-thread.ts'
    : './policy-validation-thread.js';
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(file, import.meta.url), { name: 'policy-validation', workerData: set });
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('the validation of policies ended without an answer')));
  });
}
