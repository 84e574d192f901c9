// The Cedar schema of an API's policies (https://docs.cedarpolicy.com/schema/human-readable-schema.html), from its contract
// and the identities: what principals, operations and the context of each operation hold. The reference validates
// policies against it, so that a misspelt attribute is an error of the configuration and not of a request.
import { type ContractOperation, SchemaSet } from '../../openapi/index.ts';
import { type BodyType, bodyTypeOf } from './body-type.ts';
import type { ClaimType, IdentityConfig, ParameterKind } from './contract.ts';
import { parametersOf } from './operation-parameters.ts';
import { groupOf } from './policies.ts';
import { principalTypes } from './principal.ts';

export interface SchemaOperation {
  readonly id: string;
  readonly method: string;
  /** Ways to authenticate. */
  readonly kinds: readonly (keyof typeof principalTypes)[];
  readonly contract: ContractOperation;
  /** Requests are held to the contract, so that what it requires is there. */
  readonly validated: boolean;
}

export { limitProblem } from './throttles.ts';
export { parametersOf };

const claimTypes: Readonly<Record<ClaimType, string>> = {
  string: 'String',
  number: 'Long',
  boolean: 'Bool',
  strings: 'Set<String>',
};

const parameterTypes: Readonly<Record<ParameterKind, string>> = {
  string: 'String',
  integer: 'Long',
  boolean: 'Bool',
  list: 'Set<String>',
};

const quote = (name: string): string =>
  `"${name.replace(/[\\"\n\r\t\0]/g, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`)}"`;

/** `operations` are those that policies decide about: public ones are open before any policy. */
export function policySchema(
  api: string,
  operations: readonly SchemaOperation[],
  identity: IdentityConfig,
  document: unknown,
): string {
  const claims = identity.claims.map(({ name, type }) => `  ${quote(name)}?: ${claimTypes[type]},`);
  const schemas = new SchemaSet(document, { checked: true });
  const actions = operations.map((operation) => actionText(operation, schemas, document));
  return `// The schema of the policies of "${api.replace(/[\r\n]/g, ' ')}".
type Claims = {
${claims.join('\n')}
};
entity Role in [Role];
entity Group;
${[...new Set(Object.values(principalTypes))]
  .map(
    (type) => `entity ${type} in [Role, Group] = {
  "id": String,
  "issuer": String,
  "scopes": Set<String>,
  "claims": Claims,
};`,
  )
  .join('\n')}
entity Api;

type Network = {
  "address"?: ipaddr,
  "secure": Bool,
  "listener": String,
  "country"?: String,
  "asn"?: Long,
  "organization"?: String,
};
type Request = { "method": String, "host": String, "path": String };
type Authentication = { "method": String, "acr"?: String, "amr"?: Set<String>, "age"?: duration };
type Device = { "agent"?: String };
type Certificate = { "fingerprint": String, "names": Set<String> };
type Tls = { "version": String, "cipher": String, "certificate"?: Certificate };

action "reads", "writes";
${actions.join('\n')}
`;
}

function actionText(operation: SchemaOperation, schemas: SchemaSet, document: unknown): string {
  const { contract, kinds } = operation;
  const principals = [...new Set(kinds.map((kind) => principalTypes[kind]))].sort();
  const parameters = parametersOf(contract, schemas).map(({ name, place, kind }) => {
    const required = place === 'path' && kind === 'string' ? '' : '?';
    return `${quote(name)}${required}: ${parameterTypes[kind]}`;
  });
  const { validated } = operation;
  const body = bodyTypeOf(contract, document);
  const isSure = contract.body?.required === true && validated;
  return `action ${quote(operation.id)} in ["${groupOf(operation.method)}"] appliesTo {
  principal: [${principals.join(', ')}],
  resource: [Api],
  context: {
    "parameters": { ${parameters.join(', ')} },${body === null ? '' : `\n    "body"${isSure ? '' : '?'}: ${typeText(body, validated)},`}
    "risk": Long,
    "time": datetime,
    "network": Network,
    "request": Request,
    "authentication": Authentication,
    "device": Device,
    "tls"?: Tls,
  },
};`;
}

const plainTypes = { string: 'String', long: 'Long', bool: 'Bool', decimal: 'decimal' } as const;

/** Only of validated requests what the contract requires is sure to be there. */
function typeText(type: BodyType, validated: boolean): string {
  if (type.kind === 'set') return `Set<${typeText(type.item, validated)}>`;
  if (type.kind !== 'record') return plainTypes[type.kind];
  const members = [...type.members].map(
    ([name, member]) =>
      `${quote(name)}${validated && member.required ? '' : '?'}: ${typeText(member.type, validated)}`,
  );
  return `{ ${members.join(', ')} }`;
}
