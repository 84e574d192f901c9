// An internal authority in a state of its own, with services, for tests.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { StateConfig } from '../../src/config/index.ts';
import { type Clock, systemClock } from '../../src/core/index.ts';
import { IdentityRegistry } from '../../src/identity/index.ts';
import {
  createRoot,
  installRoot,
  type RootKey,
  ServiceAuthority,
  type ServiceAuthorityConfig,
  type ServiceEvent,
} from '../../src/identity/services/index.ts';
import { openState, type State } from '../../src/stores/index.ts';

export const SEAL = 'a seal key of more than thirty-two characters';

export const authorityConfig: ServiceAuthorityConfig = {
  trustDomain: 'prod.example',
  x509LifeMs: 3_600_000,
  jwtLifeMs: 300_000,
  rotateMs: 30 * 86_400_000,
  refreshHintMs: 300_000,
};

export interface TestAuthority {
  readonly folder: string;
  readonly stateConfig: StateConfig;
  readonly state: State;
  readonly registry: IdentityRegistry;
  readonly root: RootKey;
  readonly authority: ServiceAuthority;
  readonly events: ServiceEvent[];
}

export async function startTestAuthority(
  t: TestContext,
  services: readonly string[],
  options: {
    readonly config?: Partial<ServiceAuthorityConfig>;
    readonly clock?: Clock;
    readonly keepRootKey?: boolean;
  } = {},
): Promise<TestAuthority> {
  const clock = options.clock ?? systemClock;
  const folder = await mkdtemp(join(tmpdir(), 'gatewright-services-'));
  const stateConfig: StateConfig = { kind: 'sqlite', file: join(folder, 'state.db'), sealKey: SEAL };
  const state = await openState(stateConfig, clock.epochMs());
  t.after(async () => {
    await state.close();
    await rm(folder, { recursive: true, force: true });
  });
  const registry = new IdentityRegistry(state.identity, clock);
  for (const service of services) await registry.add('service', service, [], '', null);
  const config = { ...authorityConfig, ...options.config };
  const root = await createRoot(config.trustDomain, clock.epochMs());
  await installRoot(state.services, root, true, { keepRootKey: options.keepRootKey ?? false }, clock);
  const events: ServiceEvent[] = [];
  const authority = new ServiceAuthority(state.services, state.identity, config, clock, (event) =>
    events.push(event),
  );
  await authority.load();
  return { folder, stateConfig, state, registry, root, authority, events };
}
