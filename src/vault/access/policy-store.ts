// Policies by name. `root` and `default` are there from the beginning; root can not be changed and says yes to everything.
import type { Barrier } from '../barrier.ts';
import { VaultError } from '../contract.ts';
import { type Capability, capabilitiesAt, defaultPolicy, type PathRule, parsePolicy } from './policies.ts';
import { SYSTEM, type Token } from './tokens.ts';

interface StoredPolicy {
  readonly text: string;
}

const place = (name: string): string => `policy/${name}`;
const every: ReadonlySet<Capability> = new Set([
  'create',
  'read',
  'update',
  'patch',
  'delete',
  'list',
  'sudo',
]);

export class PolicyStore {
  readonly #barrier: Barrier;
  /** Compiled rules by text: a policy that changes has another text. */
  readonly #compiled = new Map<string, readonly PathRule[]>();

  constructor(barrier: Barrier) {
    this.#barrier = barrier;
  }

  async text(name: string): Promise<string | null> {
    if (name === 'root') return null;
    const stored = await this.#barrier.read<StoredPolicy>(place(name));
    return stored?.text ?? (name === 'default' ? defaultPolicy : null);
  }

  async names(): Promise<readonly string[]> {
    const stored = (await this.#barrier.list('policy/')).map((entry) => entry.slice('policy/'.length));
    return [...new Set(['default', ...stored, 'root'])];
  }

  async put(name: string, text: string): Promise<void> {
    if (name === 'root') throw new VaultError('invalid', 'cannot update "root" policy');
    if (!/^[a-z0-9][a-z0-9._-]{0,127}$/.test(name))
      throw new VaultError(
        'invalid',
        'the name of a policy has lower-case letters, digits, ".", "-" and "_"',
      );
    parsePolicy(text);
    await this.#barrier.transaction((session) => session.put(place(name), SYSTEM, { text }));
  }

  async remove(name: string): Promise<void> {
    if (name === 'root' || name === 'default')
      throw new VaultError('invalid', `cannot delete "${name}" policy`);
    await this.#barrier.transaction((session) => session.remove(place(name)));
  }

  /** What the token may do at `path`; policies that are not there give nothing. */
  async capabilities(token: Pick<Token, 'policies'>, path: string): Promise<ReadonlySet<Capability>> {
    if (token.policies.includes('root')) return every;
    const rules: PathRule[] = [];
    for (const name of token.policies) {
      const text = await this.text(name);
      if (text !== null) rules.push(...this.#compile(text));
    }
    return capabilitiesAt(rules, path);
  }

  #compile(text: string): readonly PathRule[] {
    let rules = this.#compiled.get(text);
    if (rules === undefined) {
      rules = parsePolicy(text);
      if (this.#compiled.size > 1000) this.#compiled.clear();
      this.#compiled.set(text, rules);
    }
    return rules;
  }
}
