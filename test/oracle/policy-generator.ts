// Random policies, entities and requests: mostly of matching types, so that conditions hold now and then, and sometimes of
// the wrong one, with attributes that are missing, numbers at the edge of 64 bits and texts that are no address or date.
import type { Random } from '../fuzz/random.ts';
import { Expressions, longs, patterns, strings } from './expression-generator.ts';

export interface GeneratedEntity {
  readonly uid: Uid;
  readonly attrs: Record<string, unknown>;
  readonly parents: Uid[];
  readonly tags: Record<string, unknown>;
}

export interface Uid {
  readonly type: string;
  readonly id: string;
}

export interface GeneratedRequest {
  readonly principal: Uid;
  readonly action: Uid;
  readonly resource: Uid;
  readonly context: Record<string, unknown>;
}

export interface GeneratedCase {
  readonly policies: Readonly<Record<string, string>>;
  readonly entities: readonly GeneratedEntity[];
  readonly requests: readonly GeneratedRequest[];
}

export const attributeNames: readonly string[] = ['a', 'b', 'c', 'owner', 'level', 'x y', 'address', 'when'];

/** Every name that policies may speak of; some are no entity of the store. */
export const entityNames: readonly Uid[] = [
  ...['alice', 'bob', 'carol "x"', 'dé\n'].map((id) => ({ type: 'User', id })),
  ...['admin', 'teller', 'auditor'].map((id) => ({ type: 'Role', id })),
  ...['one', 'two', 'three'].map((id) => ({ type: 'Bank::Account', id })),
  ...['read', 'write', 'all'].map((id) => ({ type: 'Action', id })),
  { type: 'Nothing', id: '' },
];

const ofType = (...types: string[]): readonly Uid[] => entityNames.filter(({ type }) => types.includes(type));

export const entityText = ({ type, id }: Uid): string => `${type}::${stringText(id)}`;

/** A string as Cedar writes it. */
export const stringText = (text: string): string =>
  `"${text.replace(/[\\"\n\0]/g, (character) => (character === '\n' ? '\\n' : character === '\0' ? '\\0' : `\\${character}`))}"`;

export function generateCase(random: Random): GeneratedCase {
  const values = new Expressions(random);
  const entities = generateEntities(random, values);
  const policies: Record<string, string> = {};
  const isFamily = random.chance(0.3);
  if (isFamily) generateFamily(random, values, policies);
  else {
    const count = random.between(1, 5);
    for (let i = 0; i < count; i++) policies[`p${i}`] = generatePolicy(random, values);
  }
  const requests = Array.from({ length: random.between(1, 4) }, () => ({
    principal: random.pick(random.chance(0.9) ? ofType('User') : entityNames),
    action: random.pick(ofType('Action')),
    resource: random.pick(random.chance(0.9) ? ofType('Bank::Account') : entityNames),
    context: { ...values.attributes(), ...(isFamily ? familyContext(random) : {}) },
  }));
  return { policies, entities, requests };
}

function generateEntities(random: Random, values: Expressions): GeneratedEntity[] {
  const entities: GeneratedEntity[] = [];
  const put = (uid: Uid, parents: Uid[]): void => {
    // Actions have no attributes of their own in the reference's store without a schema, but may have any.
    entities.push({
      uid,
      attrs: values.attributes(),
      parents,
      tags: random.chance(0.5) ? values.attributes() : {},
    });
  };
  const some = (from: readonly Uid[]): Uid[] => from.filter(() => random.chance(0.4));
  // Parents always come later in this list, so that no hierarchy is a circle.
  const order = [...ofType('User'), ...ofType('Bank::Account'), ...ofType('Role')];
  order.forEach((uid, index) => {
    if (random.chance(0.15)) return;
    put(uid, some(order.slice(index + 1).filter(({ type }) => type === 'Role' || type === uid.type)));
  });
  if (random.chance(0.8)) {
    const [read, write, all] = ofType('Action');
    entities.push({ uid: read!, attrs: {}, parents: random.chance(0.7) ? [all!] : [], tags: {} });
    entities.push({ uid: write!, attrs: {}, parents: random.chance(0.7) ? [all!] : [], tags: {} });
    entities.push({ uid: all!, attrs: {}, parents: [], tags: {} });
  }
  return entities;
}

function generatePolicy(random: Random, values: Expressions): string {
  const effect = random.chance(0.65) ? 'permit' : 'forbid';
  const head = [
    `principal${scope(random, ofType('User'), ofType('Role'), true)}`,
    `action${scope(random, ofType('Action'), ofType('Action'), false)}`,
    `resource${scope(random, ofType('Bank::Account'), ofType('Bank::Account', 'Role'), true)}`,
  ];
  const clauses = Array.from(
    { length: random.pick([0, 1, 1, 1, 1, 2, 3]) },
    () =>
      `${random.chance(0.75) ? 'when' : 'unless'} { ${values.expression('boolean', random.between(1, 4))} }`,
  );
  return `${effect}(${head.join(', ')})${clauses.map((clause) => ` ${clause}`).join('')};`;
}

/** Numbers that families of policies compare with: few, so that they are met, and those next to them. */
const bounds = [0, 1, 2, 7, 8, 1000];

function familyContext(random: Random): Record<string, unknown> {
  const names = ['level', 'a', 'x y', 'owner'].filter(() => random.chance(0.8));
  return Object.fromEntries(
    names.map((name) => [
      name,
      random.chance(0.7)
        ? random.pick(bounds)
        : random.chance(0.7)
          ? random.pick(strings)
          : { __entity: random.pick(ofType('User')) },
    ]),
  );
}

/** Many policies that ask the same of the same values: the compiler asks once for all of them. */
function generateFamily(random: Random, values: Expressions, policies: Record<string, string>): void {
  const operands = ['context.level', 'context.a', 'context["x y"]', 'context.owner', 'resource.level'];
  const used = [random.pick(operands), random.pick(operands)];
  const comparison = (): string => {
    const operand = random.pick(used);
    const operator = random.pick(['==', '==', '<', '<=', '>', '>=', '!=']);
    const constant = random.chance(0.7)
      ? random.chance(0.8)
        ? String(random.pick(bounds))
        : random.pick(longs)
      : random.pick([...strings.map(stringText), ...ofType('User').map(entityText), 'true', 'false']);
    if (random.chance(0.15)) return `${operand} like "${random.pick(patterns)}"`;
    return random.chance(0.7) ? `${operand} ${operator} ${constant}` : `${constant} ${operator} ${operand}`;
  };
  const pool = [
    ...Array.from({ length: 6 }, comparison),
    'context has level',
    'context has a && context.a == 1',
    `(${values.expression('boolean', 2)})`,
  ];
  const count = random.between(5, 25);
  // A forbid that always holds would hide what all the others say.
  const permits = random.pick([0.5, 0.9, 1]);
  for (let i = 0; i < count; i++) {
    const effect = random.chance(permits) ? 'permit' : 'forbid';
    const resource = scope(random, ofType('Bank::Account'), ofType('Bank::Account', 'Role'), true);
    const asked = Array.from({ length: random.pick([1, 1, 1, 2, 2, 3]) }, () => random.pick(pool));
    const when = ` when { ${asked.join(' && ')} }`;
    const unless = random.chance(0.15) ? ` unless { ${random.pick(pool)} }` : '';
    policies[`p${i}`] =
      `${effect}(principal, action, resource${random.chance(0.3) ? resource : ''})${when}${unless};`;
  }
}

function scope(random: Random, equal: readonly Uid[], places: readonly Uid[], canBeTyped: boolean): string {
  const choice = random.below(10);
  if (choice < 5) return '';
  if (choice < 6) return ` == ${entityText(random.pick(equal))}`;
  if (choice < 8) {
    if (canBeTyped || random.chance(0.5)) return ` in ${entityText(random.pick(places))}`;
    return ` in [${places
      .filter(() => random.chance(0.5))
      .map(entityText)
      .join(', ')}]`;
  }
  if (!canBeTyped) return '';
  const type = random.pick(['User', 'Role', 'Bank::Account']);
  return choice === 8 ? ` is ${type}` : ` is ${type} in ${entityText(random.pick(places))}`;
}
