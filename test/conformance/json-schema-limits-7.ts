// The same for draft 7, whose schemas are rewritten into 2020-12 first.
import type { Limit } from './json-schema-limits.ts';

const metaschema = 'the meta-schema of draft 7 is not loaded: contracts do not refer to it';
const content = 'contentEncoding and contentMediaType are remarks since 2019-09, and so they are here';

export const draft7Limits: Readonly<Record<string, readonly Limit[]>> = {
  'definitions.json': [{ group: 'validate definition against metaschema', failing: 2, reason: metaschema }],
  'optional/content.json': [
    { group: 'validation of string-encoded content based on media type', failing: 1, reason: content },
    { group: 'validation of binary string-encoding', failing: 1, reason: content },
    { group: 'validation of binary-encoded media type documents', failing: 2, reason: content },
  ],
  'optional/float-overflow.json': [
    {
      group: 'all integers are multiples of 0.5, if overflow is handled',
      failing: 1,
      reason: 'ajv divides as IEEE 754 does, and 1e308 / 0.5 is infinite',
    },
  ],
  'optional/unknownKeyword.json': [
    {
      group: '$id inside an unknown keyword is not a real identifier',
      failing: 3,
      reason: 'ajv looks for $id in unknown keywords too and refuses the schema when it compiles',
    },
  ],
  'ref.json': [{ group: 'remote ref, containing refs itself', failing: 2, reason: metaschema }],
};
