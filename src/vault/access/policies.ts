// Policies: which paths a token may use and how, in Vault's language. Only what is understood is accepted: a policy that
// says more, in a word that this does not know, is refused instead of being read as less.
import { VaultError } from '../contract.ts';

export type Capability = 'create' | 'read' | 'update' | 'patch' | 'delete' | 'list' | 'sudo' | 'deny';

export interface PathRule {
  /** With `*` at the end or `+` for one part. */
  readonly path: string;
  readonly capabilities: readonly Capability[];
}

const known: readonly string[] = ['create', 'read', 'update', 'patch', 'delete', 'list', 'sudo', 'deny'];
/** What the older word `policy` stands for. */
const legacy: Readonly<Record<string, readonly Capability[]>> = {
  read: ['read', 'list'],
  write: ['create', 'read', 'update', 'delete', 'list'],
  sudo: ['create', 'read', 'update', 'delete', 'list', 'sudo'],
  deny: ['deny'],
};
const MAX_POLICY = 65_536;

export const defaultPolicy = `
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self" { capabilities = ["update"] }
path "auth/token/revoke-self" { capabilities = ["update"] }
path "sys/capabilities-self" { capabilities = ["update"] }
path "sys/internal/ui/mounts/*" { capabilities = ["read"] }
path "sys/leases/renew" { capabilities = ["update"] }
path "sys/leases/lookup" { capabilities = ["update"] }
path "sys/renew" { capabilities = ["update"] }
path "cubbyhole/*" { capabilities = ["create", "read", "update", "delete", "list"] }
path "sys/wrapping/wrap" { capabilities = ["update"] }
path "sys/wrapping/lookup" { capabilities = ["update"] }
path "sys/wrapping/unwrap" { capabilities = ["update"] }
`;

/** Reads HCL or JSON. Throws VaultError with the place of the mistake. */
export function parsePolicy(text: string): readonly PathRule[] {
  if (text.length > MAX_POLICY) throw new VaultError('invalid', 'a policy has up to 65536 characters');
  return /^\s*\{/.test(text) ? parseJson(text) : new HclPolicy(text).parse();
}

function parseJson(text: string): PathRule[] {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw new VaultError('invalid', 'the policy is no JSON');
  }
  const paths = (document as { path?: unknown }).path;
  if (typeof paths !== 'object' || paths === null || Array.isArray(paths))
    throw new VaultError('invalid', 'the policy has no "path"');
  for (const name of Object.keys(document as object)) {
    if (name !== 'path' && name !== 'name') throw new VaultError('invalid', `a policy has no "${name}"`);
  }
  return Object.entries(paths).map(([path, rule]) => {
    if (typeof rule !== 'object' || rule === null) throw new VaultError('invalid', `"${path}" has no rule`);
    return ruleOf(path, new Map(Object.entries(rule)));
  });
}

function ruleOf(path: string, members: ReadonlyMap<string, unknown>): PathRule {
  let capabilities: readonly unknown[] = [];
  for (const [name, value] of members) {
    if (name === 'capabilities' && Array.isArray(value)) capabilities = value;
    else if (name === 'policy' && typeof value === 'string' && Object.hasOwn(legacy, value))
      capabilities = legacy[value]!;
    else throw new VaultError('invalid', `the rule of "${path}" has "${name}", which is not supported`);
  }
  for (const capability of capabilities) {
    if (!known.includes(String(capability)))
      throw new VaultError('invalid', `there is no capability "${String(capability)}"`);
  }
  const clean = path.replace(/^\//, '');
  if (clean.slice(0, -1).includes('*'))
    throw new VaultError('invalid', `"${path}" has a * that is not its last character`);
  return { path: clean, capabilities: capabilities as readonly Capability[] };
}

/** The little of HCL that policies are made of: `path "…" { name = value }` and comments. */
class HclPolicy {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): PathRule[] {
    const rules: PathRule[] = [];
    for (;;) {
      this.#space();
      if (this.#at === this.#text.length) return rules;
      if (this.#word() !== 'path') this.#fail('a policy is made of path "…" { … }');
      this.#space();
      const path = this.#string();
      this.#expect('{');
      const members = new Map<string, unknown>();
      for (;;) {
        this.#space();
        if (this.#text[this.#at] === '}') break;
        const name = this.#text[this.#at] === '"' ? this.#string() : this.#word();
        if (members.has(name)) this.#fail(`"${name}" stands twice`);
        this.#expect('=');
        this.#space();
        members.set(name, this.#value());
        this.#space();
        if (this.#text[this.#at] === ',') this.#at++;
      }
      this.#at++;
      rules.push(ruleOf(path, members));
    }
  }

  #value(): unknown {
    if (this.#text[this.#at] === '"') return this.#string();
    if (this.#text[this.#at] !== '[') this.#fail('a text or a list of texts is needed');
    this.#at++;
    const out: string[] = [];
    for (;;) {
      this.#space();
      if (this.#text[this.#at] === ']') break;
      out.push(this.#string());
      this.#space();
      if (this.#text[this.#at] === ',') this.#at++;
      else if (this.#text[this.#at] !== ']') this.#fail('a comma or ] is needed');
    }
    this.#at++;
    return out;
  }

  #space(): void {
    const space = /(?:\s+|#[^\n]*|\/\/[^\n]*|\/\*(?:[^*]|\*(?!\/))*\*\/)*/y;
    space.lastIndex = this.#at;
    this.#at += space.exec(this.#text)?.[0].length ?? 0;
  }

  #word(): string {
    const word = /[A-Za-z_][A-Za-z0-9_]*/y;
    word.lastIndex = this.#at;
    const found = word.exec(this.#text)?.[0];
    if (found === undefined) return this.#fail('a name is needed');
    this.#at += found.length;
    return found;
  }

  #string(): string {
    const literal = /"(?:[^"\\\n]|\\["\\])*"/y;
    literal.lastIndex = this.#at;
    const found = literal.exec(this.#text)?.[0];
    if (found === undefined) return this.#fail('a text in quotes is needed');
    this.#at += found.length;
    return found.slice(1, -1).replace(/\\(.)/g, '$1');
  }

  #expect(character: string): void {
    this.#space();
    if (this.#text[this.#at] !== character) this.#fail(`"${character}" is needed`);
    this.#at++;
  }

  #fail(message: string): never {
    const line = this.#text.slice(0, this.#at).split('\n').length;
    throw new VaultError('invalid', `policy, line ${line}: ${message}`);
  }
}

/**
 * What these rules allow at `path`. Of rules that match, the most specific one counts, in Vault's order; where several
 * policies have the same path, all of them count, and a denial wins.
 */
export function capabilitiesAt(rules: readonly PathRule[], path: string): ReadonlySet<Capability> {
  let best: string | null = null;
  const out = new Set<Capability>();
  for (const rule of rules) {
    if (!matches(rule.path, path)) continue;
    const order = best === null ? 1 : compareSpecific(rule.path, best);
    if (order < 0) continue;
    if (order > 0) {
      best = rule.path;
      out.clear();
    }
    for (const capability of rule.capabilities) out.add(capability);
  }
  return out.has('deny') ? new Set(['deny']) : out;
}

function matches(pattern: string, path: string): boolean {
  const isPrefix = pattern.endsWith('*');
  const wanted = (isPrefix ? pattern.slice(0, -1) : pattern).split('/');
  const parts = path.split('/');
  if (isPrefix ? parts.length < wanted.length : parts.length !== wanted.length) return false;
  return wanted.every((part, index) => {
    const found = parts[index]!;
    if (part === '+') return found !== '';
    return isPrefix && index === wanted.length - 1 ? found.startsWith(part) : found === part;
  });
}

/** Positive when `a` is more specific. */
function compareSpecific(a: string, b: string): number {
  if (a === b) return 0;
  const wild = (path: string): number => {
    const plus = path.split('/').indexOf('+');
    const at =
      plus === -1
        ? Number.POSITIVE_INFINITY
        : path.split('/').slice(0, plus).join('/').length + (plus > 0 ? 1 : 0);
    return Math.min(at, path.endsWith('*') ? path.length - 1 : Number.POSITIVE_INFINITY);
  };
  const pluses = (path: string): number => path.split('/').filter((part) => part === '+').length;
  return (
    compare(wild(a), wild(b)) ||
    Number(b.endsWith('*')) - Number(a.endsWith('*')) ||
    pluses(b) - pluses(a) ||
    a.length - b.length ||
    (a > b ? 1 : -1)
  );
}

const compare = (a: number, b: number): number => (a === b ? 0 : a > b ? 1 : -1);
