// What the schemas of the administrative API are made of: names in the contract, and the kinds of values that come again and again.
import { z } from 'zod';

/** Schemas with a name in the contract. */
export const named: Map<string, z.ZodType> = new Map();
export const name = <T extends z.ZodType>(id: string, schema: T): T => {
  named.set(id, schema);
  return schema;
};

export const ms = () => z.number().describe('Milliseconds since the epoch.');
export const count = () => z.number().min(0);
export const shortText = (max = 200) => z.string().min(1).max(max);
const scope = () => z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/);
export const scopes = () => z.array(scope()).max(100);
export const secret = () => z.string().min(1).max(256);
