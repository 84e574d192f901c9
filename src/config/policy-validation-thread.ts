// The thread that holds a large set of policies against its schema, once, and ends.
import { parentPort, workerData } from 'node:worker_threads';
import { Diagnostics } from '../core/index.ts';
import { validatePolicies } from '../policy/reference.ts';
import type { PolicyValidation } from './policy-validation.ts';

const { policies, schema } = workerData as PolicyValidation;
const diagnostics = new Diagnostics();
validatePolicies(policies, schema, diagnostics);
parentPort!.postMessage(diagnostics.all);
