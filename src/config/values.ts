// Value schemas that several sections use: quantities as people write them, names, address blocks, secrets.
import { z } from 'zod';
import { parseByteSize, parseDuration, parseQuota, parseRate } from '../core/index.ts';
import { parseCidr } from '../net/index.ts';

export type QuantityKind = 'duration' | 'size' | 'rate' | 'quota';

/** Which schemas stand for quantities: the generated reference writes their defaults as people do. */
export const quantityKinds = new WeakMap<object, QuantityKind>();

function quantity<T>(kind: QuantityKind, parse: (text: string) => T | null, what: string, example: string) {
  const schema = z
    .string()
    .refine((text) => parse(text) !== null, { message: `is not ${what}, for instance ${example}` })
    .transform((text) => parse(text)!)
    .meta({ examples: [example] });
  quantityKinds.set(schema, kind);
  return schema;
}

/** `30s` → 30000. */
export const duration = () => quantity('duration', parseDuration, 'a duration', '30s');
/** `1MiB` → 1048576. */
export const byteSize = () => quantity('size', parseByteSize, 'a size', '1MiB');
/** `100/s`. */
export const rate = () => quantity('rate', (text) => countRate(parseRate(text)), 'a rate', '100/s');
/** `100/s` or `1MiB/s`. */
export const amountRate = () => quantity('rate', parseRate, 'a rate', '100/s');
/** `10000/day`, `50GB/month`. */
export const quota = () =>
  quantity('quota', parseQuota, 'a quota of an hour, day, week or month', '10000/day');

const countRate = (found: ReturnType<typeof parseRate>): ReturnType<typeof parseRate> =>
  found?.unit === 'requests' ? found : null;

export const addressBlock = () =>
  z.string().refine((text) => parseCidr(text) !== null, {
    message: 'is not an address or block, for instance 10.0.0.0/8 (no bits may be set beyond the prefix)',
  });

/** Names of things in the file; other parts refer to them. */
export const nameKey = () =>
  z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, {
    message: 'is not a name: letters, digits, ".", "_" and "-"',
  });

/** HTTP field name; the result is in lower case. */
export const fieldName = () =>
  z
    .string()
    .regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, { message: 'is not a header name' })
    .transform((text) => text.toLowerCase());

/** RFC 3339, as a date or with the time. */
export const date = () =>
  z.string().refine((text) => !Number.isNaN(Date.parse(text)), {
    message: 'is not a date, for instance 2027-01-31T00:00:00Z',
  });

export const port = () => z.int().min(0).max(65_535);
