// The JSON Schema Test Suite, draft 2020-12, through the validator that contracts are compiled with. Formats are remarks
// everywhere but in the suite of formats, where they are asserted as the gate asserts them.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, test } from 'node:test';
import { compileSchema, createAjv, type SchemaValidator } from '../../src/openapi/index.ts';
import { findCorpus, readCorpusJson } from '../support/corpus.ts';
import { limits } from './json-schema-limits.ts';

interface Group {
  readonly description: string;
  readonly schema: unknown;
  readonly tests: readonly {
    readonly description: string;
    readonly data: unknown;
    readonly valid: boolean;
  }[];
}

const EXPECTED_FILES = 71;
const EXPECTED_CASES = 1498;

const corpus = findCorpus('json-schema');

function listJson(folder: string): string[] {
  const names = readdirSync(new URL(folder, corpus.folder), { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith('.json')).sort();
}

describe('JSON Schema 2020-12', { skip: corpus.skip }, () => {
  const files = corpus.skip === false ? listJson('draft2020-12/') : [];
  // The other drafts' remotes are of dialects that are not loaded.
  const remotes = (corpus.skip === false ? listJson('remotes/') : [])
    .filter((name) => !/^(?:v1|draft(?!2020-12))/.test(name))
    .map(
      (name) => [`http://localhost:1234/${name}`, readCorpusJson<object>(corpus, `remotes/${name}`)] as const,
    );
  let cases = 0;

  function compile(schema: unknown, assertFormats: boolean): SchemaValidator {
    const ajv = createAjv({ assertFormats });
    for (const [uri, remote] of remotes) ajv.addSchema(remote, uri);
    try {
      return compileSchema(schema, ajv);
    } catch (error) {
      return () => {
        throw error;
      };
    }
  }

  /** What the validator says; a schema or a call that throws is neither. */
  function judge(validate: SchemaValidator, data: unknown): boolean | string {
    try {
      return validate(data) === null;
    } catch (error) {
      return String(error);
    }
  }

  for (const file of files) {
    test(file, () => {
      const expected: Record<string, number> = {};
      for (const { group, failing } of limits[file] ?? []) expected[group] = failing;
      const found: Record<string, number> = {};
      const failures: string[] = [];
      for (const group of readCorpusJson<Group[]>(corpus, `draft2020-12/${file}`)) {
        const validate = compile(group.schema, file.startsWith('optional/format/'));
        for (const { description, data, valid } of group.tests) {
          cases++;
          const judged = judge(validate, data);
          if (judged === valid) continue;
          found[group.description] = (found[group.description] ?? 0) + 1;
          if (!(group.description in expected))
            failures.push(`${group.description}: ${description}: ${judged}`);
        }
      }
      assert.deepEqual(failures, []);
      assert.deepEqual(found, expected, 'the list of limits says otherwise');
    });
  }

  test('every case of the suite ran', () => {
    assert.equal(files.length, EXPECTED_FILES);
    assert.equal(cases, EXPECTED_CASES);
    assert.deepEqual(
      Object.keys(limits).filter((file) => !files.includes(file)),
      [],
    );
  });
});
