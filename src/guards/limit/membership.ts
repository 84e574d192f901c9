// Plans and tenants of callers: API consumers have them by the configuration, people and services by claims of their tokens. HOT
import type { Consumer } from '../../exchange/index.ts';
import { claimAt } from '../authorize/index.ts';
import type { MembershipConfig } from './contract.ts';

export class Membership {
  readonly #config: MembershipConfig;
  readonly #members: ReadonlyMap<string, MembershipConfig['members'][number]>;

  constructor(config: MembershipConfig) {
    this.#config = config;
    this.#members = new Map(config.members.map((member) => [member.consumer, member]));
  }

  /** Empty for a caller without one. */
  planOf(consumer: Consumer | null): string {
    if (consumer === null) return this.#config.defaultPlan;
    const plan = this.#members.get(consumer.id)?.plan ?? textAt(consumer, this.#config.planClaim);
    return plan === '' ? this.#config.defaultPlan : plan;
  }

  /** The caller itself where nothing says to whom it belongs. */
  tenantOf(consumer: Consumer): string {
    const tenant = this.#members.get(consumer.id)?.tenant ?? textAt(consumer, this.#config.tenantClaim);
    if (tenant === '') return `c${consumer.id}`;
    // Tenants of one issuer are not those of another.
    const bar = consumer.method === 'jwt' ? consumer.id.indexOf('|') : -1;
    return bar === -1 ? `t${tenant}` : `t${consumer.id.slice(0, bar)}|${tenant}`;
  }
}

function textAt(consumer: Consumer, path: readonly string[]): string {
  if (path.length === 0) return '';
  const value = claimAt(consumer.claims, path);
  return typeof value === 'string' ? value : '';
}
