// The fuzzer of the value-level parts of SecLang: transformations against plain versions, expressions against what is
// promised of them, bodies against themselves. Nothing may throw; how long the slowest case took is reported.

import { parseBody } from '../../src/seclang/bodies/index.ts';
import type { BodyProcessor } from '../../src/seclang/contract.ts';
import { compilePattern } from '../../src/seclang/patterns/index.ts';
import { findTransformation, transformationNames } from '../../src/seclang/transformations/index.ts';
import { randomBody } from './bodies.ts';
import { PcreSource, randomSubject } from './pcre-source.ts';
import { Random } from './random.ts';
import { references, transformationPieces } from './transformation-reference.ts';

export interface SeclangFuzzResult {
  readonly cases: number;
  readonly failure: string | null;
  /** Of all cases, in ms, and what it was. */
  readonly slowestMs: number;
  readonly slowest: string;
  /** How many cases of each part did something: changed the value, matched, parsed without an error. */
  readonly effects: Readonly<Record<string, number>>;
}

const limits = { maxArguments: 200, maxDepth: 30 };
const processors: readonly BodyProcessor[] = ['URLENCODED', 'MULTIPART', 'JSON', 'XML'];

export function randomValue(random: Random): string {
  let value = '';
  const repeat = random.chance(0.02) ? random.between(2, 200) : 1;
  for (let i = random.between(0, 8); i > 0; i--)
    value += random.chance(0.85) ? random.pick(transformationPieces) : String.fromCharCode(random.below(256));
  return value.repeat(repeat);
}

/** Runs cases until `isDone` says so, or one fails. */
export function fuzzSeclang(seed: number, isDone: (cases: number) => boolean): SeclangFuzzResult {
  const random = new Random(seed);
  const maker = new PcreSource(random);
  const effects: Record<string, number> = {};
  const note = (name: string): void => {
    effects[name] = (effects[name] ?? 0) + 1;
  };
  let cases = 0;
  let slowestMs = 0;
  let slowest = '';
  let failure: string | null = null;
  while (failure === null && !isDone(cases)) {
    const part = random.below(3);
    // Of the processor: other processes are not the case's fault.
    const start = process.threadCpuUsage();
    let what = '';
    try {
      if (part === 0) {
        const name = random.pick(transformationNames);
        const value = randomValue(random);
        what = `t:${name} on ${JSON.stringify(value)}`;
        failure = checkTransformation(name, value, note);
      } else if (part === 1) {
        const source = maker.source();
        const subject = randomSubject(random);
        what = `${JSON.stringify(source)} on ${JSON.stringify(subject)}`;
        failure = checkPattern(source, subject, note);
      } else {
        const processor = random.pick(processors);
        const { body, contentType } = randomBody(random, processor);
        what = `${processor} ${JSON.stringify(contentType)} ${JSON.stringify(body)}`;
        failure = checkBody(processor, body, contentType, note);
      }
    } catch (error) {
      failure = `threw ${String(error)}`;
    }
    const took = process.threadCpuUsage(start);
    const tookMs = (took.user + took.system) / 1000;
    if (tookMs > slowestMs) {
      slowestMs = tookMs;
      slowest = what.slice(0, 300);
    }
    if (failure !== null) failure = `${failure}: ${what}`;
    cases++;
  }
  return { cases, failure, slowestMs, slowest, effects };
}

type Note = (name: string) => void;

export function checkTransformation(name: string, value: string, note: Note): string | null {
  const { run, changesOnly } = findTransformation(name)!;
  const result = run(value);
  if (result !== value) {
    note(name);
    if (changesOnly !== null && !changesOnly.test(value)) return 'changed what it said to leave';
  }
  if (/[^\0-\xff]/.test(result)) return 'gave a letter that is no byte';
  const expected = references[name]?.(value) ?? result;
  return expected === result ? null : `gave ${JSON.stringify(result)} and not ${JSON.stringify(expected)}`;
}

function checkPattern(source: string, subject: string, note: Note): string | null {
  const compiled = compilePattern(source);
  if (compiled.kind === 'error') return null;
  note('compiled');
  const { factors, requiredBytes, minLength } = compiled.pattern.requirements;
  const captures: string[] = [];
  const isMatch = compiled.pattern.exec(subject, captures);
  if (compiled.pattern.test(subject) !== isMatch) return 'test and exec differ';
  if (!isMatch) return captures.length === 0 ? null : 'captured without a match';
  note('matched');
  const lowered = subject.replace(/[A-Z]/g, (one) => one.toLowerCase());
  if (factors !== null && !factors.some((factor) => lowered.includes(factor))) return 'no factor';
  if (requiredBytes !== null && ![...subject].some((one) => requiredBytes[one.charCodeAt(0)] === 1))
    return 'no required byte';
  return subject.length >= minLength ? null : 'shorter than the least length';
}

function checkBody(processor: BodyProcessor, body: string, contentType: string, note: Note): string | null {
  const parsed = parseBody(processor, body, contentType, limits);
  if (parsed.error === '') note(processor);
  if (parsed.args.length > limits.maxArguments) return 'more arguments than allowed';
  if (processor === 'MULTIPART') {
    if (parsed.multipart === null) return 'no flags';
    if (parsed.error !== '' && !parsed.multipart.strictError && !parsed.error.includes('arguments'))
      return 'an error without MULTIPART_STRICT_ERROR';
    const bytes = parsed.files.reduce((sum, file) => sum + file.content.length, 0);
    if (bytes > body.length) return 'more bytes in files than in the body';
  }
  if (processor === 'JSON') {
    let isJson = true;
    try {
      JSON.parse(
        new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(body, 'latin1')),
      );
    } catch {
      isJson = body === '';
    }
    const isBounded = /deeper|more than/.test(parsed.error);
    if (!isBounded && isJson !== (parsed.error === ''))
      return `JSON.parse thinks otherwise (${parsed.error})`;
  }
  return null;
}
