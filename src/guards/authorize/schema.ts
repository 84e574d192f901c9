// The Cedar schema of an API's policies (https://docs.cedarpolicy.com/schema/human-readable-schema.html), from its contract
// and the identities: what principals, operations and the context of each operation hold. The reference validates
// policies against it, so that a misspelt attribute is an error of the configuration and not of a request.
import { type ContractOperation, rewriteSchema, SchemaSet } from '../../openapi/index.ts';
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

/** Objects in bodies are described to this depth; what is deeper is not known to policies. */
const MAX_DEPTH = 6;

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
${Object.values(principalTypes)
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

type Network = { "address"?: ipaddr, "secure": Bool, "listener": String };
type Request = { "method": String, "host": String, "path": String };
type Authentication = { "method": String, "acr"?: String, "amr"?: Set<String>, "age"?: duration };
type Device = { "agent"?: String };

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
  const body = bodyType(operation, document);
  return `action ${quote(operation.id)} in ["${groupOf(operation.method)}"] appliesTo {
  principal: [${principals.join(', ')}],
  resource: [Api],
  context: {
    "parameters": { ${parameters.join(', ')} },${body === null ? '' : `\n    "body"${contract.body?.required === true && operation.validated ? '' : '?'}: ${body},`}
    "risk": Long,
    "time": datetime,
    "network": Network,
    "request": Request,
    "authentication": Authentication,
    "device": Device,
  },
};`;
}

type Json = Readonly<Record<string, unknown>>;

/** The JSON body; null when there is none, or its schema says nothing that policies can rely on. */
function bodyType({ contract, validated }: SchemaOperation, document: unknown): string | null {
  const { body } = contract;
  const content =
    body?.content.filter(({ mediaType }) => /^application\/(?:[^/]+\+)?json$/.test(mediaType)) ?? [];
  if (content.length !== 1 || content[0]!.schema === null) return null;
  const root = rewriteSchema(content[0]!.schema, document, {
    undocumentedFields: 'allow',
    refuseReadOnly: false,
  });
  const definitions = (root as { readonly $defs?: Json } | null)?.$defs ?? {};
  return typeOf(root, { definitions, validated }, 0)?.text ?? null;
}

interface CedarType {
  readonly text: string;
  readonly nullable: boolean;
}

/** What a valid value becomes in Cedar; null when that depends on the value. */
interface BodySource {
  readonly definitions: Json;
  readonly validated: boolean;
}

function typeOf(schema: unknown, source: BodySource, depth: number): CedarType | null {
  let node = schema as Json | null;
  for (let i = 0; i < 32 && typeof node?.['$ref'] === 'string'; i++)
    node = (source.definitions[node['$ref'].slice('#/$defs/'.length)] ?? null) as Json | null;
  if (typeof node !== 'object' || node === null || depth > MAX_DEPTH) return null;
  const types = [node['type']].flat();
  const named = types.filter((type) => type !== 'null');
  const nullable = named.length < types.length;
  if (named.length !== 1) return null;
  switch (named[0]) {
    case 'string':
      return { text: 'String', nullable };
    case 'boolean':
      return { text: 'Bool', nullable };
    case 'integer':
      return { text: 'Long', nullable };
    case 'array': {
      const item = typeOf(node['items'], source, depth + 1);
      return item === null || item.nullable ? null : { text: `Set<${item.text}>`, nullable };
    }
    case 'object':
      return { text: recordType(node, source, depth), nullable };
    default:
      return null;
  }
}

function recordType(node: Json, source: BodySource, depth: number): string {
  const required = Array.isArray(node['required']) ? node['required'] : [];
  const members = Object.entries((node['properties'] ?? {}) as Json).flatMap(([name, schema]) => {
    const type = typeOf(schema, source, depth + 1);
    if (type === null) return [];
    const isSure = source.validated && required.includes(name) && !type.nullable;
    return [`${quote(name)}${isSure ? '' : '?'}: ${type.text}`];
  });
  return `{ ${members.join(', ')} }`;
}
