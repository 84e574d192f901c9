// What an operator does about a refusal, by its code; the longer form stands in docs/operations.md.
import type { ErrorCode } from '../core/index.ts';

const advice: Partial<Record<ErrorCode, string>> = {
  'address-denied':
    'Banned, on a list, or not among those that are admitted: the reason says which. Bans are under Limits.',
  'operation-unknown':
    'Scanners do this. If a client of yours does it, compare host, base and path with the APIs page.',
  'method-not-allowed': 'The contract has the path and not the method.',
  'request-malformed':
    'No well-behaved client sends this; one address that does it again and again is an attacker or a broken proxy.',
  'request-path-ambiguous': 'Encoded slashes or dots: an attempt to reach what the contract does not have.',
  'credentials-missing': 'The caller sent no credential; or a proxy in front drops the Authorization field.',
  'credentials-invalid':
    'The reason says what is wrong with the credential. Many from one address: somebody is guessing.',
  'credentials-expired': 'The client does not renew its token in time, or a clock is wrong.',
  'scope-insufficient': 'Give the caller the scope under Identities, if it should have it.',
  'role-insufficient': 'The role is given under identity.roles of the configuration.',
  'object-denied':
    "The caller named an object of somebody else. Once is a mistake, many are a search for other people's data.",
  'enumeration-suspected':
    'The caller tried ids of others until it was slowed down: look at its other requests.',
  'field-denied': 'The caller set a field that its role may not set.',
  'policy-denied': 'The policy that decided is named; simulate the request under Policies.',
  'authentication-insufficient': 'The caller must sign in again with a second factor.',
  'method-override-refused':
    'A header that turns one method into another; attackers use it to get past rules.',
  'rate-limited':
    'The limit is under Limits. A good client that meets it needs a higher one or should wait as RateLimit says.',
  'parameter-invalid': 'Either the client is wrong or the contract is older than the client.',
  'body-invalid':
    'Either the client is wrong or the contract is older than the client. Unknown members may be an attempt at mass assignment.',
  'media-type-unsupported': 'The operation takes what its contract names.',
  'request-blocked': 'Rules found an attack. If it is none, see the proposals under WAF.',
  'response-blocked': 'The service was about to leak something: mend the service.',
  'upstream-unavailable': 'No endpoint of the service is healthy.',
  'upstream-timeout': 'The service is slow: see its own logs for the trace id.',
  'upstream-connect-failed': 'The service does not listen where the configuration says.',
  'key-source-unavailable': "The issuer's keys could not be fetched.",
};

export const adviceFor = (code: string): string =>
  Object.hasOwn(advice, code) ? (advice[code as ErrorCode] ?? '') : '';
