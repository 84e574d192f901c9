// The parts of the configuration that say who may do what: roles, claims, policies, own objects, fields, risk.
import { z } from 'zod';
import { parseFieldPath } from '../masking/index.ts';
import { dataClasses } from '../sensitive/index.ts';
import { countries, networks } from './document-geography.ts';
import { addressBlock, duration, nameKey, rate } from './values.ts';

const claimPath = () =>
  z.string().regex(/^[^.]+(?:\.[^.]+)*$/, { message: 'is not a claim such as groups or realm_access.roles' });

const attributeName = () =>
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, {
    message: 'is not a name that policies can use: letters, digits and "_"',
  });

const claimType = z.enum(['string', 'number', 'boolean', 'strings']);

export const roles = z
  .record(
    nameKey(),
    z.strictObject({
      includes: z.array(z.string()).default([]).describe('Roles that its members have as well.'),
      groups: z
        .array(
          z.string().regex(/^[^|]+\|.+$/, { message: 'is not a group of an issuer, such as corp|admins' }),
        )
        .default([])
        .describe('Groups whose members have the role, as `issuer|group`.'),
      members: z
        .array(z.string().min(1))
        .default([])
        .describe('Callers that have the role: names of consumers, `issuer|subject`, SPIFFE ids.'),
    }),
  )
  .default({})
  .describe('Roles, for `authorize` and for policies.');

export const claims = z
  .record(
    attributeName(),
    z.union([
      claimType,
      z.strictObject({
        type: claimType.describe('A claim of another type counts as missing.'),
        claim: claimPath().describe('Its name in the token; members with ".".'),
      }),
    ]),
  )
  .default({})
  .describe('Claims of tokens that policies may read, as `principal.claims.<name>`.');

/** Keys of an issuer. */
export const issuerClaims = {
  'roles-claim': claimPath()
    .optional()
    .describe('Claim with names of roles; by default its tokens give none.'),
  'groups-claim': claimPath()
    .optional()
    .describe('Claim with names of groups; by default its tokens give none.'),
};

const pointer = () =>
  z.string().regex(/^(?:\/(?:[^~/]|~[01])+)+$/, {
    message: 'is not a JSON Pointer to a field such as /customer/id; "*" stands for every item of a list',
  });

export const own = z.array(
  z
    .strictObject({
      parameter: z.string().min(1).optional().describe('Path or query parameter that names the object.'),
      field: pointer().optional().describe('Field of the JSON body that names the object.'),
      claim: claimPath()
        .optional()
        .describe("Claim with the caller's own ids, one or a list; with a relation `sub` by default."),
      relation: z
        .string()
        .optional()
        .describe('Name under relations: the claim must name one of the owners that it tells.'),
      'unless-role': z.array(z.string()).default([]).describe('Roles whose members may name any object.'),
    })
    .refine((value) => (value.parameter === undefined) !== (value.field === undefined), {
      message: 'needs either "parameter" or "field"',
    })
    .refine((value) => value.claim !== undefined || value.relation !== undefined, {
      message: 'needs "claim" or "relation"',
    }),
);

export const authorize = z
  .strictObject({
    scopes: z
      .enum(['from-contract', 'none'])
      .default('from-contract')
      .describe("Whether the contract's scopes are needed."),
    policy: z
      .union([z.string(), z.array(z.string()).min(1)])
      .optional()
      .describe('Cedar policies, one file or several: a permit must hold and no forbid may.'),
    own: own.default([]).describe('Objects that must be the caller’s own, wherever an operation names them.'),
    enumeration: rate()
      .default({ count: 20, periodMs: 60_000, unit: 'requests' })
      .describe(
        'Refused objects of others, per consumer, beyond which the log says that ids are being tried.',
      ),
  })
  .prefault({})
  .describe('Who may do what.');

/** Keys of an operation. */
export const operationAuthorize = {
  roles: z.array(z.string()).min(1).optional().describe('One of these roles is needed.'),
  own: own.optional().describe("Instead of the API's."),
  writable: z
    .record(pointer(), z.array(z.string()).min(1))
    .default({})
    .describe('Fields of the JSON body that only these roles may send.'),
};

const weight = () => z.int().min(1).max(100);

export const risk = z
  .strictObject({
    addresses: z
      .array(
        z
          .strictObject({
            from: z.array(addressBlock()).default([]).describe('Addresses or blocks.'),
            lists: z.array(nameKey()).default([]).describe('Names under address-lists.'),
            countries: countries(),
            networks: networks(),
            adds: weight().describe('What a request from there adds.'),
          })
          .refine(
            (value) =>
              value.from.length + value.lists.length + value.countries.length + value.networks.length > 0,
            {
              message: 'needs "from", "lists", "countries" or "networks"',
            },
          ),
      )
      .default([])
      .describe('Addresses of bad repute; countries and networks need `geography`.'),
    refusals: z
      .strictObject({
        over: rate().describe('Refusals from one address beyond which it is of bad repute.'),
        adds: weight().describe('What a request from there adds.'),
        remember: duration().default(600_000).describe('How long.'),
      })
      .optional()
      .describe('Addresses from which much was refused: credentials, rights, the contract, inspection.'),
    'token-age': z
      .strictObject({
        over: duration().describe('Age (`iat`) beyond which a token is old.'),
        adds: weight().describe('What an old token adds.'),
      })
      .optional()
      .describe('Old tokens.'),
    'credential-age': z
      .strictObject({
        over: duration().describe('Age beyond which a key or client certificate is old.'),
        adds: weight().describe('What an old one adds.'),
      })
      .optional()
      .describe(
        'Old API keys (of the state, or with `created`) and client certificates (from when they are valid).',
      ),
    travel: z
      .strictObject({
        adds: weight().describe('What a caller adds that can not have come from where it was last seen.'),
        'faster-than': z
          .int()
          .min(1)
          .max(100_000)
          .default(1000)
          .describe('Speed, in km/h, that nobody travels at.'),
        remember: duration().default(2_592_000_000).describe('How long a place is known.'),
      })
      .optional()
      .describe('Impossible journeys; needs `geography`.'),
    'new-device': z
      .strictObject({
        adds: weight().describe('What a known caller with a new device adds.'),
        remember: duration().default(2_592_000_000).describe('How long a device is known.'),
      })
      .optional()
      .describe(
        'Callers that were seen before, and never with this User-Agent, language and client certificate.',
      ),
  })
  .optional()
  .describe('What makes a request suspicious: added up to `context.risk`, 0 to 100, for policies.');

export const relations = z
  .record(
    nameKey(),
    z.strictObject({
      url: z
        .string()
        .refine((text) => /^https?:\/\/[^?#{}]+\/[^?#]*\{id\}[^?#{}]*$/.test(text) && URL.canParse(text), {
          message: 'is not a URL with {id} in its path, such as http://10.0.0.5:3000/accounts/{id}/owners',
        })
        .describe('Where the owning service says whose an object is; {id} is its id.'),
      member: z
        .string()
        .regex(/^[^.]+(?:\.[^.]+)*$/)
        .optional()
        .describe(
          "Member of the JSON answer with the owners' ids, one or a list; by default the answer itself.",
        ),
      cache: duration().default(30_000).describe('How long an answer is remembered.'),
      timeout: duration().default(2000).describe('How long the service may take, 10 s at most.'),
      'bearer-file': z.string().optional().describe('File with a token that is sent along, read each time.'),
    }),
  )
  .default({})
  .describe('Services that are asked whose an object is, for `authorize.own`.');

const fieldPath = () =>
  z.string().refine((text) => parseFieldPath(text) !== null, {
    message: 'is not a field such as /customer/card or $.customer.card; "*" stands for every item',
  });

export const mask = z.array(
  z
    .strictObject({
      field: fieldPath().optional().describe('Field of JSON answers, as JSON Pointer or JSONPath.'),
      class: z
        .union([z.enum(dataClasses), z.array(z.enum(dataClasses)).min(1)])
        .optional()
        .describe('Data of this kind, wherever it stands in texts and numbers.'),
      annotated: z
        .union([z.literal(true), z.string().min(1), z.array(z.string().min(1)).min(1)])
        .optional()
        .describe(
          'Fields that the contract marks with `x-sensitive`: all, or those with one of these labels.',
        ),
      as: z
        .enum(['drop', 'redact', 'last4'])
        .describe('What is left: nothing, `***`, or the last four characters.'),
      'unless-scope': z
        .union([z.string().min(1), z.array(z.string().min(1))])
        .default([])
        .describe('Callers with one of these scopes see it.'),
      'unless-role': z
        .union([z.string().min(1), z.array(z.string().min(1))])
        .default([])
        .describe('Callers with one of these roles see it.'),
    })
    .refine(
      ({ field, class: name, annotated }) =>
        [field, name, annotated].filter((part) => part !== undefined).length === 1,
      { message: 'needs one of "field", "class" and "annotated"' },
    )
    .refine(({ class: name, as }) => name === undefined || as !== 'drop', {
      message: 'data of a class stands within texts: mask it as "redact" or "last4"',
      path: ['as'],
    })
    .describe('Data of answers that not every reader may see.'),
);

/** Keys of an operation. */
export const operationMask = {
  mask: mask.optional().describe("Fields of answers to mask, beside the API's."),
  readable: z
    .record(fieldPath(), z.array(z.string()).min(1))
    .optional()
    .describe('Fields of JSON answers that only these roles get.'),
};

export const decisions = z
  .strictObject({
    policy: z
      .union([z.string(), z.array(z.string()).min(1)])
      .describe('Cedar policies that answer questions of services about their own objects.'),
    schema: z.string().optional().describe('Cedar schema that the policies are checked against.'),
  })
  .optional()
  .describe('What the service `decisions` knows besides the operations of the APIs.');
