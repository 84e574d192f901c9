// Events against the published OCSF schema: every attribute exists where it stands, has its type, its enumeration and
// its requirement; constraints hold.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { encodeOcsf, toEvent, toTrailEvent } from '../../src/export/index.ts';
import { findCorpus } from '../support/corpus.ts';

const corpus = findCorpus('ocsf');
const { skip } = corpus;
const root = fileURLToPath(corpus.folder);

interface Attribute {
  type?: string;
  object_type?: string;
  is_array?: boolean;
  requirement?: string;
  enum?: Record<string, unknown>;
  profile?: string | null;
}
interface Entry {
  name?: string;
  extends?: string;
  uid?: number;
  attributes?: Record<string, Attribute | string[] | string>;
  constraints?: { at_least_one?: string[]; just_one?: string[] };
  profiles?: string[];
}

function load(folder: string, into = new Map<string, Entry>()): Map<string, Entry> {
  for (const found of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, found.name);
    if (found.isDirectory()) load(path, into);
    else if (found.name.endsWith('.json'))
      into.set(found.name.slice(0, -5), JSON.parse(readFileSync(path, 'utf8')) as Entry);
  }
  return into;
}

test('events are valid by the published schema', { skip }, () => {
  const events = load(join(root, 'events'));
  const objects = load(join(root, 'objects'));
  const profiles = load(join(root, 'profiles'));
  const dictionary = JSON.parse(readFileSync(join(root, 'dictionary.json'), 'utf8')) as {
    attributes: Record<string, Attribute>;
    types: { attributes: Record<string, { type?: string }> };
  };

  /** With what it extends, includes and what its profiles add. */
  function flat(
    table: Map<string, Entry>,
    name: string,
  ): Required<Pick<Entry, 'attributes' | 'constraints'>> {
    const entry = table.get(name) ?? [...table.values()].find((one) => one.name === name);
    assert.ok(entry !== undefined, name);
    const base =
      entry.extends === undefined ? { attributes: {}, constraints: {} } : flat(table, entry.extends);
    const own: Record<string, Attribute | string> = {};
    const include = (attributes: NonNullable<Entry['attributes']>, from: string | null = null): void => {
      for (const [key, value] of Object.entries(attributes)) {
        if (key === '$include') {
          for (const path of [value].flat() as string[]) {
            const file = JSON.parse(readFileSync(join(root, path), 'utf8')) as Entry;
            include(file.attributes ?? {}, path.startsWith('profiles/') ? path : null);
          }
        } else
          own[key] = {
            ...((own[key] as Attribute) ?? {}),
            ...(from === null ? {} : { profile: from }),
            ...(value as Attribute),
          };
      }
    };
    include(entry.attributes ?? {});
    const attributes: Record<string, Attribute | string> = {
      ...(base.attributes as Record<string, Attribute>),
    };
    for (const [key, value] of Object.entries(own)) {
      const before = attributes[key] as Attribute | undefined;
      const added = value as Attribute;
      attributes[key] = {
        ...before,
        ...added,
        ...(before?.enum || added.enum ? { enum: { ...before?.enum, ...added.enum } } : {}),
      };
    }
    return {
      attributes: attributes as NonNullable<Entry['attributes']>,
      constraints: entry.constraints ?? base.constraints,
    };
  }

  let checked = 0;
  function check(value: Record<string, unknown>, shape: ReturnType<typeof flat>, where: string): void {
    for (const [key, attribute] of Object.entries(shape.attributes) as [string, Attribute][]) {
      if (attribute.requirement === 'required' && (attribute.profile ?? null) === null)
        assert.ok(Object.hasOwn(value, key), `${where}.${key} is required`);
    }
    const { at_least_one: some, just_one: one } = shape.constraints;
    if (some !== undefined)
      assert.ok(
        some.some((key) => Object.hasOwn(value, key)),
        `${where} needs one of ${some}`,
      );
    if (one !== undefined) assert.equal(one.filter((key) => Object.hasOwn(value, key)).length, 1, where);
    for (const [key, member] of Object.entries(value)) {
      const at = `${where}.${key}`;
      // Theirs follow from the class and are looked at by the caller.
      if (key === 'category_uid' || key === 'class_uid' || key === 'type_uid') continue;
      const used = shape.attributes[key] as Attribute | undefined;
      assert.ok(used !== undefined, `${at} is no attribute there`);
      const general = dictionary.attributes[key];
      assert.ok(general !== undefined, `${at} is not in the dictionary`);
      const attribute = { ...general, ...used, enum: { ...general.enum, ...used.enum } };
      assert.equal(Array.isArray(member), attribute.is_array === true, `${at}: array`);
      for (const item of [member].flat()) {
        checked++;
        if (Object.keys(attribute.enum).length > 0)
          assert.ok(
            Object.hasOwn(attribute.enum, String(item)),
            `${at}: ${String(item)} is not in the enumeration`,
          );
        const type: string = used.type ?? general.type!;
        if (objects.has(type) || type === 'object') {
          assert.equal(typeof item, 'object', at);
          const name = used.object_type ?? general.object_type ?? type;
          if (name !== 'object') check(item as Record<string, unknown>, flat(objects, name), at);
          continue;
        }
        const base: string = dictionary.types.attributes[type]?.type ?? type;
        const wanted: string =
          base === 'string_t'
            ? 'string'
            : base === 'boolean_t'
              ? 'boolean'
              : base === 'json_t'
                ? typeof item
                : 'number';
        assert.equal(typeof item, wanted, `${at}: ${type}`);
      }
    }
  }

  const record = {
    time: '2026-08-20T10:00:00.123Z',
    id: 'f1b50e7a',
    listener: 'public',
    client_address: '203.0.113.7',
    country: 'DE',
    asn: 64500,
    method: 'GET',
    host: 'api.example.com',
    path: '/x',
    query: 'a=*',
    protocol: 'HTTP/1.1',
    api: 'bank',
    operation: 'listAccounts',
    status: 200,
    request_bytes: 0,
    response_bytes: 1,
    duration_us: 1234,
    user_agent: 'curl',
    trace_id: 'ab',
    risk: 3,
  };
  const cases = [
    [4002, { ...record, decision: 'allowed' }],
    [
      4002,
      {
        time: record.time,
        id: 'x',
        listener: 'public',
        client_address: 'unix',
        decision: 'refused',
        guard: 'codec',
        code: 'bad-request',
        status: 400,
        request_bytes: 0,
        response_bytes: 0,
        duration_us: 1,
      },
    ],
    [
      4002,
      { ...record, method: 'PURGE', decision: 'refused', guard: 'router', code: 'no-operation', reason: 'x' },
    ],
    [6003, { ...record, consumer: 'alice', decision: 'allowed' }],
    [
      4002,
      {
        ...record,
        decision: 'allowed',
        threats: [
          {
            feed: 'f',
            indicator: 'indicator--x',
            name: 'n',
            kind: 'address',
            value: '203.0.113.7',
            confidence: 90,
          },
        ],
      },
    ],
    [
      6003,
      {
        ...record,
        method: 'OPTIONS',
        consumer: 'alice',
        decision: 'failed',
        guard: 'upstream',
        code: 'upstream-timeout',
      },
    ],
    [
      6003,
      {
        ...record,
        consumer: 'alice',
        decision: 'refused',
        guard: 'authorize',
        code: 'forbidden',
        policy: 'p1',
      },
    ],
    [
      3002,
      {
        ...record,
        decision: 'refused',
        guard: 'authenticate',
        code: 'credential-invalid',
        reason: 'jwt-signature',
      },
    ],
    [
      2004,
      {
        ...record,
        consumer: 'alice',
        decision: 'refused',
        guard: 'inspect',
        code: 'inspection-refused',
        rules: [942100, 949110],
        score: 5,
      },
    ],
    [2004, { ...record, decision: 'allowed', rules: [942100], score: 5, would_refuse: 'inspection-refused' }],
  ] as const;
  const entry = {
    time: record.time,
    id: '5e34a1c2-0000-4000-8000-000000000000',
    trail: 'audit.example',
    index: 7,
    outcome: 'success',
    actor_kind: 'operator',
    actor: 'astrid',
    details: { a: 1 },
  } as const;
  const entries = [
    [6002, { ...entry, action: 'gate.start', actor_kind: 'system', actor: 'gate' }],
    [6002, { ...entry, action: 'gate.stop' }],
    [3004, { ...entry, action: 'config.reload', outcome: 'failure' }],
    [3004, { ...entry, action: 'state.change', event: 'clients add', target_kind: 'client', target: 'p' }],
    [3004, { ...entry, action: 'state.change', event: 'keys rotate', reason: 'ticket 7', address: '::1' }],
    [3002, { ...entry, action: 'admin.sign-in', address: '203.0.113.7' }],
    [3002, { ...entry, action: 'identity.event', event: 'login', actor_kind: 'user', target: 'app' }],
    [3004, { ...entry, action: 'identity.event', event: 'credential.add', actor_kind: 'user' }],
    [3004, { ...entry, action: 'service.event', event: 'certificate-issued', target: 'spiffe://x/y' }],
    [6003, { ...entry, action: 'vault.use', event: 'read', target_kind: 'path', target: 'kv/a' }],
    [
      6003,
      { ...entry, action: 'request.refuse', outcome: 'refused', address: 'unix', actor_kind: 'address' },
    ],
    [3004, { ...entry, action: 'audit.prune', actor_kind: 'system' }],
    [3002, { ...entry, action: 'credential.use', event: 'first', actor_kind: 'consumer', address: '::1' }],
    [3004, { ...entry, action: 'threat.match', event: 'address', actor_kind: 'address' }],
    // A key that was shredded leaves nothing but the head.
    [3002, { time: entry.time, id: 'x', trail: 't', index: 1, action: 'admin.sign-in', outcome: 'refused' }],
    [6003, { time: entry.time, id: 'x', trail: 't', index: 1, action: 'vault.use', outcome: 'refused' }],
  ] as const;
  const all = [
    ...cases.map(([uid, one]) => [uid, toEvent(one)] as const),
    ...entries.map(([uid, one]) => [uid, toTrailEvent(one)] as const),
  ];
  const profile = profiles.get('security_control')!;
  for (const [uid, one] of all) {
    const event = JSON.parse(
      JSON.stringify(encodeOcsf(one, { hostname: 'gw1', version: '1.0.0' })),
    ) as Record<string, unknown>;
    assert.equal(event['class_uid'], uid);
    assert.equal(event['type_uid'], uid * 100 + (event['activity_id'] as number));
    const name = [...events].find(
      ([, entry]) => entry.uid === uid % 1000 && categoryOf(entry, events) === Math.floor(uid / 1000),
    )?.[0];
    assert.ok(name !== undefined, String(uid));
    const shape = flat(events, name);
    check(event, { ...shape, attributes: { ...profile.attributes, ...shape.attributes } }, name);
  }
  assert.ok(checked > 300, `${checked} attributes were looked at`);
});

const categories: Readonly<Record<string, number>> = { findings: 2, iam: 3, network: 4, application: 6 };

function categoryOf(entry: Entry & { category?: string }, events: Map<string, Entry>): number {
  if (entry.category !== undefined) return categories[entry.category] ?? 0;
  const base = entry.extends === undefined ? undefined : events.get(entry.extends);
  return base === undefined ? 0 : categoryOf(base, events);
}
