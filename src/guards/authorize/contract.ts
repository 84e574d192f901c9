// What the authorization of one operation is made of, as plain data.
import type { PolicySyntax } from '../../policy/index.ts';

/** One way to be allowed: all `scopes`, for callers that authenticated by `method`. */
export interface ScopeAlternative {
  readonly method: 'any' | 'jwt' | 'api-key' | 'mtls';
  readonly scopes: readonly string[];
}

/** Authorization of one operation beyond its scopes. */
export interface AuthorizeConfig {
  /** One of these roles is needed; empty: none. */
  readonly roles: readonly string[];
  readonly own: readonly OwnershipRule[];
  readonly fields: readonly FieldRule[];
}

/** The object that a request names must be the caller's own. */
export interface OwnershipRule {
  /** Where the request names it: a path or query parameter, or a field of the JSON body (`*` is every item of a list). */
  readonly object:
    | { readonly kind: 'parameter'; readonly name: string }
    | { readonly kind: 'field'; readonly pointer: readonly string[] };
  /** Claim of the token that holds the caller's ids, one or a list; members of objects are walked. */
  readonly claim: readonly string[];
  /** Relation that says whose the object is: the claim must name one of the owners. Null: the claim names the objects. */
  readonly relation: string | null;
  /** Callers with one of these roles may name any object. */
  readonly unlessRoles: readonly string[];
}

/** A question to the service that owns objects: whose is this one? */
export interface RelationConfig {
  readonly name: string;
  /** With `{id}` where the object's id goes. */
  readonly url: string;
  /** Member of the JSON answer with the owners' ids; empty: the answer itself. */
  readonly member: readonly string[];
  readonly cacheMs: number;
  readonly timeoutMs: number;
  /** File with a token that is sent along; empty for none. */
  readonly bearerFile: string;
}

/** A field of the JSON body that only some roles may send. */
export interface FieldRule {
  readonly pointer: readonly string[];
  readonly roles: readonly string[];
}

/** Who is in which role, and what policies may know of a caller. */
export interface IdentityConfig {
  readonly roles: readonly RoleConfig[];
  readonly claims: readonly ClaimConfig[];
  /** What tokens of an issuer may say about roles and groups; by the issuer's name. */
  readonly issuers: readonly IssuerClaims[];
}

export interface RoleConfig {
  readonly name: string;
  /** Roles that its members have as well. */
  readonly includes: readonly string[];
  /** `issuer|group`. */
  readonly groups: readonly string[];
  /** Ids of consumers: names of API consumers, `issuer|subject` of tokens. */
  readonly members: readonly string[];
}

export interface ClaimConfig {
  /** Name in policies: `principal.claims.<name>`. */
  readonly name: string;
  readonly path: readonly string[];
  readonly type: ClaimType;
}

export type ClaimType = 'string' | 'number' | 'boolean' | 'strings';

export interface IssuerClaims {
  readonly issuer: string;
  /** Claims with names of roles and groups; empty: its tokens say nothing about them. */
  readonly rolesClaim: readonly string[];
  readonly groupsClaim: readonly string[];
}

/** Signs that a request may not come from whom it seems to; their weights add up, to 100 at most. */
export interface RiskConfig {
  readonly addresses: readonly {
    readonly blocks: readonly string[];
    /** Names of lists that come from elsewhere. */
    readonly lists: readonly string[];
    /** ISO 3166-1 alpha-2. */
    readonly countries: readonly string[];
    /** Numbers of autonomous systems. */
    readonly networks: readonly number[];
    readonly adds: number;
  }[];
  /** Null: the age of tokens says nothing. */
  readonly tokenAge: { readonly overMs: number; readonly adds: number } | null;
  /** Of keys and client certificates whose date of issue is known. Null: their age says nothing. */
  readonly credentialAge: { readonly overMs: number; readonly adds: number } | null;
  /** Null: places say nothing. A place is forgotten when its caller was not seen for `rememberMs`. */
  readonly travel: { readonly maxKmh: number; readonly rememberMs: number; readonly adds: number } | null;
  /** Null: refusals say nothing. */
  readonly refusals: RefusalsRisk | null;
  /** Null: devices say nothing. A device is forgotten when it was not seen for `rememberMs`. */
  readonly newDevice: { readonly rememberMs: number; readonly adds: number } | null;
}

/** An address from which more than `count` requests in `periodMs` were refused is bad for `rememberMs`. */
export interface RefusalsRisk {
  readonly count: number;
  readonly periodMs: number;
  readonly rememberMs: number;
  readonly adds: number;
}

/** Authorization of an API. */
export interface ApiAuthorizeConfig {
  /** Null when the API has no policies; an empty list permits nothing. */
  readonly policies: readonly PolicySyntax[] | null;
  /** Refusals for objects of others, per consumer, beyond which somebody is taken to try ids. */
  readonly enumeration: { readonly count: number; readonly periodMs: number };
}

/** Kinds of parameters as policies see them. */
export type ParameterKind = 'string' | 'integer' | 'boolean' | 'list';

/** A path or query parameter that rules and policies can read. */
export interface AuthorizeParameter {
  readonly name: string;
  readonly place: 'path' | 'query';
  readonly kind: ParameterKind;
  /** Lists as one text: what separates the items; empty when each item is a parameter of its own. */
  readonly separator: string;
}

/** What services can ask about objects that no API of the gate has. */
export interface DecisionsConfig {
  readonly policies: readonly PolicySyntax[];
  /** Cedar's own text; empty where the policies are checked against none. */
  readonly schema: string;
}
