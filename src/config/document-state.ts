// `state:` as users write it: one line that chooses the database.
import { z } from 'zod';

const seal = () =>
  z
    .string()
    .min(32)
    .optional()
    .describe(
      'Key that secrets in the state are encrypted under, only as a reference; by default a file beside the SQLite file.',
    );

export const stateSchema = z.union([
  z.strictObject({
    sqlite: z.string().min(1).describe('Path of the SQLite file; it is made when it is not there.'),
    seal: seal(),
  }),
  z.strictObject({
    postgres: z
      .string()
      .regex(/^postgres(?:ql)?:\/\//, { message: 'is not a URL such as postgres://user@host/database' })
      .describe('URL of a PostgreSQL database, only as a reference such as ${env:DATABASE_URL}.'),
    schema: z
      .string()
      .regex(/^[a-z][a-z0-9_]{0,40}$/)
      .default('gatewright')
      .describe('Schema that holds the tables; it is made when it is not there.'),
    seal: seal(),
  }),
]);
