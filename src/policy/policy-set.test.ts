// Decisions over many policies: which one decides, what an error does, and that an index changes nothing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Diagnostics } from '../core/index.ts';
import {
  type CedarRecord,
  CedarSet,
  decide,
  EntityRef,
  emptyRecord,
  entityKey,
  FixedRecord,
  PolicyRequest,
  PolicySet,
  parsePolicies,
  parseRecord,
  type Value,
  Verdict,
} from './index.ts';

function compile(text: string): PolicySet {
  const diagnostics = new Diagnostics();
  const policies = parsePolicies(text, 'test.cedar', diagnostics);
  assert.deepEqual(diagnostics.all, []);
  return new PolicySet(policies);
}

const user = (attributes: Readonly<Record<string, Value>>, roles: readonly string[] = []): EntityRef =>
  new EntityRef('User', 'ingrid', {
    attributes: new FixedRecord(new Map(Object.entries(attributes))),
    ancestors: new Set(roles.map((role) => entityKey('Role', role))),
    tags: emptyRecord,
  });

const thing = (type: string, id: string, ...ancestors: string[]): EntityRef =>
  new EntityRef(type, id, { attributes: emptyRecord, ancestors: new Set(ancestors), tags: emptyRecord });

const read = thing('Action', 'read');
const account = thing('Account', 'one', entityKey('Bank', 'north'));

function ask(set: PolicySet, principal: EntityRef, context: CedarRecord = emptyRecord, resource = account) {
  const request = new PolicyRequest(principal, read, resource, context);
  const verdict = new Verdict();
  decide(set.forAction(read), request, verdict);
  const full = set.evaluate(request);
  assert.equal(verdict.allowed, full.allowed, 'the fast and the full decision');
  return {
    allowed: verdict.allowed,
    by: verdict.policy?.id ?? null,
    failures: (verdict.failures ?? []).map(({ policy, error }) => `${policy.id} ${error.kind}`),
  };
}

test('nothing allows by default, and a forbid wins over any number of permits', () => {
  assert.deepEqual(ask(compile(''), user({})), { allowed: false, by: null, failures: [] });
  const set = compile(`@id("all") permit(principal, action, resource);
@id("not-north") forbid(principal, action, resource in Bank::"north") unless { principal in Role::"teller" };`);
  assert.deepEqual(ask(set, user({})), { allowed: false, by: 'not-north', failures: [] });
  assert.deepEqual(ask(set, user({}, ['teller'])), { allowed: true, by: 'all', failures: [] });
});

test('a policy without a value decides nothing, and a forbid that has none is told', () => {
  const set = compile(`@id("all") permit(principal, action, resource);
@id("risky") forbid(principal, action, resource) when { context.risk > 50 };`);
  assert.deepEqual(ask(set, user({})), { allowed: true, by: 'all', failures: ['risky attribute-missing'] });
  assert.deepEqual(ask(set, user({}), parseRecord({ risk: 51 })), {
    allowed: false,
    by: 'risky',
    failures: [],
  });
});

test('what is known of the principal is asked once for it', () => {
  const set =
    compile(`@id("scope") permit(principal, action, resource) when { principal.scopes.contains("a") && context.ok };
@id("level") permit(principal, action, resource) when { principal.level > 3 };`);
  const low = user({ scopes: new CedarSet(['a']), level: 1 });
  for (const ok of [true, false, true]) assert.equal(ask(set, low, parseRecord({ ok })).allowed, ok);
  const high = user({ scopes: new CedarSet([]), level: 4 });
  for (const ok of [true, false]) assert.equal(ask(set, high, parseRecord({ ok })).by, 'level');
});

test('an entity of the store is not taken for known: the next request may know more of it', () => {
  const set = compile('permit(principal, action, resource) when { principal.manager.level > 3 };');
  const principal = user({ manager: new EntityRef('User', 'boss') });
  const boss = (level: number) =>
    new Map([
      [
        entityKey('User', 'boss'),
        { attributes: parseRecord({ level }), ancestors: new Set<string>(), tags: emptyRecord },
      ],
    ]);
  const verdict = new Verdict();
  for (const level of [5, 1, 5]) {
    decide(
      set.forAction(read),
      new PolicyRequest(principal, read, account, emptyRecord, boss(level)),
      verdict,
    );
    assert.equal(verdict.allowed, level > 3);
  }
});

test('a thousand policies for ten thousand roles: each role opens its own resource and no other', () => {
  const text = Array.from(
    { length: 1000 },
    (_, i) =>
      `@id("p${i}") permit(principal in Role::"r${i * 10}", action == Action::"read", resource == Account::"${i}");`,
  ).join('\n');
  const set = compile(text);
  const all = user(
    {},
    Array.from({ length: 10_000 }, (_, i) => `r${i}`),
  );
  const some = user({}, ['r0', 'r20', 'r21']);
  for (const i of [0, 1, 2, 500, 999]) {
    assert.equal(ask(set, all, emptyRecord, thing('Account', String(i))).by, `p${i}`);
    assert.equal(ask(set, some, emptyRecord, thing('Account', String(i))).allowed, i === 0 || i === 2);
  }
});
