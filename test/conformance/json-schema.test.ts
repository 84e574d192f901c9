// The JSON Schema Test Suite, drafts 2020-12 and 7, through the validator that contracts are compiled with; schemas of draft 7
// are rewritten first, as those of contracts are. Formats are remarks everywhere but in the suite of formats, where they are
// asserted as the gate asserts them.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, test } from 'node:test';
import { compileSchema, convertDraft7, createAjv, type SchemaValidator } from '../../src/openapi/index.ts';
import { findCorpus, readCorpusJson } from '../support/corpus.ts';
import { limits } from './json-schema-limits.ts';
import { draft7Limits } from './json-schema-limits-7.ts';

interface Group {
  readonly description: string;
  readonly schema: unknown;
  readonly tests: readonly {
    readonly description: string;
    readonly data: unknown;
    readonly valid: boolean;
  }[];
}

interface Draft {
  readonly title: string;
  readonly folder: string;
  readonly files: number;
  readonly cases: number;
  /** Remotes of other drafts. */
  readonly foreign: RegExp;
  readonly convert: (schema: unknown) => unknown;
  readonly limits: typeof limits;
}

const drafts: readonly Draft[] = [
  {
    title: 'JSON Schema 2020-12',
    folder: 'draft2020-12/',
    files: 71,
    cases: 1498,
    foreign: /^(?:v1|draft(?!2020-12))/,
    convert: (schema) => schema,
    limits,
  },
  {
    title: 'JSON Schema draft 7',
    folder: 'draft7/',
    files: 53,
    cases: 1063,
    foreign: /^(?:v1|draft(?!7))/,
    convert: convertDraft7,
    limits: draft7Limits,
  },
];

const corpus = findCorpus('json-schema');

function listJson(folder: string): string[] {
  const names = readdirSync(new URL(folder, corpus.folder), { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith('.json')).sort();
}

/** What the validator says; a schema or a call that throws is neither. */
function judge(validate: SchemaValidator, data: unknown): boolean | string {
  try {
    return validate(data) === null;
  } catch (error) {
    return String(error);
  }
}

for (const draft of drafts) {
  describe(draft.title, { skip: corpus.skip }, () => {
    const files = corpus.skip === false ? listJson(draft.folder) : [];
    const remotes = (corpus.skip === false ? listJson('remotes/') : [])
      .filter((name) => !draft.foreign.test(name))
      .map(
        (name) =>
          [
            `http://localhost:1234/${name}`,
            draft.convert(readCorpusJson<object>(corpus, `remotes/${name}`)) as object,
          ] as const,
      );
    let cases = 0;

    function compile(schema: unknown, assertFormats: boolean): SchemaValidator {
      try {
        const ajv = createAjv({ assertFormats });
        for (const [uri, remote] of remotes) ajv.addSchema(remote, uri);
        return compileSchema(draft.convert(schema), ajv);
      } catch (error) {
        return () => {
          throw error;
        };
      }
    }

    for (const file of files) {
      test(file, () => {
        const expected: Record<string, number> = {};
        for (const { group, failing } of draft.limits[file] ?? []) expected[group] = failing;
        const found: Record<string, number> = {};
        const failures: string[] = [];
        for (const group of readCorpusJson<Group[]>(corpus, `${draft.folder}${file}`)) {
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
      assert.equal(files.length, draft.files);
      assert.equal(cases, draft.cases);
      assert.deepEqual(
        Object.keys(draft.limits).filter((file) => !files.includes(file)),
        [],
      );
    });
  });
}
