// What is asked: may this principal do this with that resource, in this context? The entities that policies reach
// through attributes come from a store; principal, action and resource usually carry their own data. HOT
import type { CedarRecord, EntityData, EntityRef } from './values.ts';

/** Entities by key, for references without data of their own. */
export type EntityStore = ReadonlyMap<string, EntityData>;

export class PolicyRequest {
  principal: EntityRef;
  action: EntityRef;
  resource: EntityRef;
  context: CedarRecord;
  entities: EntityStore | null;

  constructor(
    principal: EntityRef,
    action: EntityRef,
    resource: EntityRef,
    context: CedarRecord,
    entities: EntityStore | null = null,
  ) {
    this.principal = principal;
    this.action = action;
    this.resource = resource;
    this.context = context;
    this.entities = entities;
  }

  /** What is known of the entity; null when it is only a name. */
  dataOf(entity: EntityRef): EntityData | null {
    if (entity.data !== null) return entity.data;
    const { key } = entity;
    if (key === this.principal.key) return this.principal.data;
    if (key === this.resource.key) return this.resource.data;
    if (key === this.action.key) return this.action.data;
    return this.entities?.get(key) ?? null;
  }
}
