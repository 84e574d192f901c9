// The JSON Schema for editors and the reference of every configuration key, both from the one definition that the
// gate itself reads (src/config/document.ts).
import { z } from 'zod';
import { documentSchema } from '../../src/config/document.ts';
import { quantityKinds } from '../../src/config/values.ts';

export interface SchemaNode {
  type?: string;
  description?: string;
  default?: unknown;
  examples?: unknown[];
  quantity?: string;
  enum?: unknown[];
  const?: unknown;
  pattern?: string;
  format?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  minItems?: number;
  properties?: Record<string, SchemaNode>;
  additionalProperties?: SchemaNode | boolean;
  propertyNames?: SchemaNode;
  required?: string[];
  items?: SchemaNode;
  anyOf?: SchemaNode[];
  [key: string]: unknown;
}

const units = {
  duration: [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'm'],
    [1000, 's'],
    [1, 'ms'],
  ],
  size: [
    [1_073_741_824, 'GiB'],
    [1_048_576, 'MiB'],
    [1024, 'KiB'],
    [1, 'B'],
  ],
} as const;

/** A default as people write it: 5000 of a duration is `5s`. */
function quantityText(kind: string, value: unknown): unknown {
  if (typeof value !== 'number' || (kind !== 'duration' && kind !== 'size')) return value;
  if (value === 0 && kind === 'duration') return '0s';
  const [factor, unit] = units[kind].find(([size]) => value % size === 0)!;
  return `${value / factor}${unit}`;
}

/** The schema as zod tells it, with quantities marked and defaults of quantities in words. */
export function readSchema(): SchemaNode {
  return z.toJSONSchema(documentSchema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      const node = jsonSchema as SchemaNode;
      const def = zodSchema._zod.def as unknown as {
        type: string;
        innerType?: z.ZodType;
        defaultValue?: unknown;
      };
      const own = quantityKinds.get(zodSchema);
      if (own !== undefined) node.quantity = own;
      if (def.innerType === undefined) return;
      const inner = kindOf(def.innerType);
      if (inner !== undefined) node.quantity = inner;
      if (def.type === 'default') {
        const text = inner === undefined ? node.default : quantityText(inner, def.defaultValue);
        if (text !== undefined) node.default = text;
      }
    },
  }) as SchemaNode;
}

/** Kind of the quantity that a schema wraps, or a union of it and a literal. */
function kindOf(schema: z.ZodType): string | undefined {
  const known = quantityKinds.get(schema);
  if (known !== undefined) return known;
  const def = schema._zod.def as unknown as { innerType?: z.ZodType; options?: z.ZodType[] };
  if (def.options !== undefined) return def.options.map(kindOf).find((kind) => kind !== undefined);
  return def.innerType === undefined ? undefined : kindOf(def.innerType);
}

const reference = '#/$defs/reference';

/** For editors: every value may also be a reference, and nothing of ours stands beside the keywords. */
export function editorSchema(): SchemaNode {
  const schema = prepare(readSchema());
  const { $schema, ...rest } = schema;
  return {
    $schema,
    title: 'Gatewright configuration',
    description: 'gatewright.yaml; see docs/reference/configuration.md.',
    ...rest,
    $defs: {
      reference: {
        type: 'string',
        pattern: '^\\$\\{(env|file):[^}]+\\}$',
        description: 'Value from the environment or a file.',
      },
    },
  };
}

function prepare(node: SchemaNode): SchemaNode {
  const out: SchemaNode = {};
  for (const [key, value] of Object.entries(node)) {
    if (key === 'quantity' || (key === 'format' && value === 'starts_with')) continue;
    if (key === 'properties') {
      out.properties = Object.fromEntries(
        Object.entries(value as Record<string, SchemaNode>).map(([name, child]) => [name, prepare(child)]),
      );
    } else if (key === 'anyOf') out.anyOf = (value as SchemaNode[]).map(prepare);
    else if (key === 'items' || (key === 'additionalProperties' && typeof value === 'object')) {
      out[key] = prepare(value as SchemaNode);
    } else out[key] = value;
  }
  if (out.maximum === Number.MAX_SAFE_INTEGER) delete out.maximum;
  const isScalar = out.type === 'integer' || out.type === 'number' || out.type === 'boolean';
  const isNarrow =
    out.type === 'string' && (out.enum ?? out.pattern ?? out.format ?? out.const) !== undefined;
  if (!isScalar && !isNarrow) return out;
  const { description, default: fallback, ...rest } = out;
  return {
    ...(description === undefined ? {} : { description }),
    ...(fallback === undefined ? {} : { default: fallback }),
    anyOf: [rest, { $ref: reference }],
  };
}

// The reference.

const escapeCell = (text: string): string => text.replace(/\|/g, '\\|').replace(/\n/g, ' ');

/** Type in words. */
function typeText(node: SchemaNode): string {
  if (node.quantity !== undefined && node.anyOf === undefined) return node.quantity;
  if (node.const !== undefined) return `\`${String(node.const)}\``;
  if (node.enum !== undefined) return node.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (node.anyOf !== undefined) return [...new Set(node.anyOf.map(typeText))].join(' or ');
  switch (node.type) {
    case 'object':
      return 'map';
    case 'array':
      return `list of ${plural(typeText(node.items ?? {}))}`;
    case 'integer':
    case 'number': {
      const least = node.minimum ?? node.exclusiveMinimum;
      const most = node.maximum === Number.MAX_SAFE_INTEGER ? undefined : node.maximum;
      const name = node.type === 'integer' ? 'whole number' : 'number';
      if (least === undefined && most === undefined) return name;
      return most === undefined ? `${name} from ${least}` : `${name} ${least} to ${most}`;
    }
    case 'boolean':
      return '`true` or `false`';
    default:
      return node.quantity ?? 'text';
  }
}

const plural = (text: string): string =>
  text
    .split(' or ')
    .map((part) => (part.startsWith('`') ? part : part.replace(/^(whole number|number|[a-z]+)/, '$1s')))
    .join(' or ');

function defaultText(node: SchemaNode, required: boolean): string {
  if (required) return 'needed';
  const value = node.default;
  if (value === undefined || (typeof value === 'object' && value !== null && !Array.isArray(value)))
    return '';
  return `\`${Array.isArray(value) ? JSON.stringify(value) : String(value)}\``;
}

/** All keys below `node`, depth first, as `path → node`. */
function rowsOf(node: SchemaNode, path: string): [string, SchemaNode, boolean][] {
  const out: [string, SchemaNode, boolean][] = [];
  for (const branch of node.anyOf ?? []) out.push(...rowsOf(branch, path));
  for (const [name, child] of Object.entries(node.properties ?? {})) {
    const at = path === '' ? name : `${path}.${name}`;
    out.push([at, child, node.required?.includes(name) === true]);
    out.push(...rowsOf(child, at));
  }
  if (typeof node.additionalProperties === 'object')
    out.push(...rowsOf(node.additionalProperties, `${path}.*`));
  if (node.items !== undefined) out.push(...rowsOf(node.items, `${path}[]`));
  return out;
}

/** docs/reference/configuration.md. */
export function configurationReference(): string {
  const schema = readSchema();
  const parts = [
    '# Configuration keys',
    '',
    'Generated from the definition that the gate reads. `*` stands for a name of your choice, `[]` for the entries of a',
    'list. Durations are written `250ms`, `30s`, `5m`, `1.5h`, `7d`; sizes `512B`, `64KiB`, `10MB`; rates `100/s`, `20/m`,',
    '`5/10s`. Every value can be a reference: `${env:NAME}` or `${file:path}`; secrets must be one. The guide is',
    '[configuration.md](../configuration.md).',
  ];
  for (const [section, node] of Object.entries(schema.properties ?? {})) {
    parts.push(
      '',
      `## ${section}`,
      '',
      node.description ?? '',
      '',
      '| key | type | default | meaning |',
      '|---|---|---|---|',
    );
    const rows = rowsOf(node, section);
    const own: [string, SchemaNode, boolean][] = [
      [section, node, schema.required?.includes(section) === true],
    ];
    for (const [path, child, required] of rows.length === 0 ? own : rows) {
      const cells = [`\`${path}\``, typeText(child), defaultText(child, required), child.description ?? ''];
      parts.push(`| ${cells.map(escapeCell).join(' | ')} |`);
    }
  }
  return `${parts.join('\n')}\n`;
}
