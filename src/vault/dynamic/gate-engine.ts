// The engine `gatewright`: API keys of the gate itself, made for one caller and revoked with the lease.
import { randomBytes } from 'node:crypto';
import { parseCidr } from '../../net/index.ts';
import { parseTtl, SYSTEM } from '../access/tokens.ts';
import {
  type Json,
  listReply,
  noContent,
  notFound,
  seconds,
  type VaultCall,
  type VaultReply,
} from '../api/contract.ts';
import { readText, readTexts } from '../api/read-body.ts';
import type { MountedEngine, VaultService } from '../api/service.ts';
import { VaultError } from '../contract.ts';
import type { Mount } from '../mounts.ts';

/** What the gate's registry of callers does for this engine. */
export interface GateKeys {
  /** Makes a key `id` of `client`; where `isNew`, the client too. Answers the key, which is nowhere else. */
  issue(wanted: {
    readonly client: string;
    readonly isNew: boolean;
    readonly id: string;
    readonly scopes: readonly string[];
    readonly addresses: readonly string[];
    readonly lifetimeMs: number;
  }): Promise<string>;
  /** Revokes the key, and disables the client where it was made for it. Does nothing for what is not there. */
  revoke(id: string, client: string, wasNew: boolean): Promise<void>;
}

interface GateRole {
  /** Whose keys; empty: a client is made for each lease. */
  readonly client: string;
  readonly scopes: readonly string[];
  readonly addresses: readonly string[];
  readonly defaultTtlMs: number;
  readonly maxTtlMs: number;
}

interface GateLease extends Json {
  readonly id: string;
  readonly client: string;
  readonly isNew: boolean;
}

export class GateEngine implements MountedEngine {
  readonly #service: VaultService;
  readonly #keys: GateKeys;

  constructor(service: VaultService, keys: GateKeys) {
    this.#service = service;
    this.#keys = keys;
    service.leases.register('gatewright', {
      revoke: (data) => {
        const { id, client, isNew } = data as GateLease;
        return keys.revoke(id, client, isNew);
      },
    });
  }

  #place(mount: Mount, name: string): string {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$/.test(name))
      throw new VaultError('invalid', 'a name has up to 40 letters, digits, ".", "-" and "_"');
    return `gatekeys/${mount.id}/${name}`;
  }

  async handle(call: VaultCall, mount: Mount): Promise<VaultReply> {
    const [kind = '', name = ''] = call.rest.split('/');
    if (kind === 'roles' && name === '') {
      if (call.operation !== 'list') return notFound;
      const prefix = `gatekeys/${mount.id}/`;
      return listReply((await this.#service.barrier.list(prefix)).map((place) => place.slice(prefix.length)));
    }
    if (kind === 'roles') return this.#role(call, mount, name);
    return kind === 'creds' && call.operation === 'read' ? this.#credentials(call, mount, name) : notFound;
  }

  async #role(call: VaultCall, mount: Mount, name: string): Promise<VaultReply> {
    const { barrier } = this.#service;
    const place = this.#place(mount, name);
    switch (call.operation) {
      case 'read': {
        const role = await barrier.read<GateRole>(place);
        if (role === null) return notFound;
        return {
          status: 200,
          data: {
            client: role.client,
            scopes: role.scopes,
            addresses: role.addresses,
            default_ttl: seconds(role.defaultTtlMs),
            max_ttl: seconds(role.maxTtlMs),
          },
        };
      }
      case 'update': {
        const { body } = call;
        const addresses = readTexts(body, 'addresses') ?? [];
        for (const block of addresses)
          if (parseCidr(block) === null)
            throw new VaultError('invalid', `"${block}" is no block of addresses`);
        const role: GateRole = {
          client: readText(body, 'client', ''),
          scopes: readTexts(body, 'scopes') ?? [],
          addresses,
          defaultTtlMs: parseTtl(body['default_ttl'], 'default_ttl'),
          maxTtlMs: parseTtl(body['max_ttl'], 'max_ttl'),
        };
        await barrier.transaction((session) => session.put(place, SYSTEM, role));
        return noContent;
      }
      case 'delete':
        await barrier.transaction((session) => session.remove(place));
        return noContent;
      default:
        return notFound;
    }
  }

  async #credentials(call: VaultCall, mount: Mount, name: string): Promise<VaultReply> {
    const role = await this.#service.barrier.read<GateRole>(this.#place(mount, name));
    if (role === null) throw new VaultError('invalid', `unknown role: ${name}`);
    const unique = randomBytes(8).toString('hex');
    const isNew = role.client === '';
    const data: GateLease = {
      id: `v-${name.replace(/[^A-Za-z0-9-]/g, '-')}-${unique}`,
      client: isNew ? `${name}-${unique}` : role.client,
      isNew,
    };
    let key = '';
    const { id, lease } = await this.#service.leases.create(
      {
        kind: 'gatewright',
        path: call.path,
        token: call.hash,
        tokenExpiresMs: call.token.expiresMs,
        ttlMs: role.defaultTtlMs,
        maxTtlMs: role.maxTtlMs,
        // The key knows its end itself; a longer one is another key.
        renewable: false,
        data,
      },
      async (expiresMs) => {
        key = await this.#keys.issue({
          client: data.client,
          isNew,
          id: data.id,
          scopes: role.scopes,
          addresses: role.addresses,
          lifetimeMs: Math.max(1, expiresMs - this.#service.clock.epochMs()),
        });
      },
    );
    return {
      status: 200,
      data: { key, id: data.id, client: data.client },
      lease: { id, durationMs: lease.ttlMs, renewable: false },
    };
  }

  async clear(mount: Mount): Promise<void> {
    await this.#service.barrier.transaction(async (session) => {
      for (const place of await session.list(`gatekeys/${mount.id}/`)) await session.remove(place);
    });
  }

  async tidy(): Promise<void> {}
}
