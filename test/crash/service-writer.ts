// A program that makes an authority, issues, withdraws and rotates as fast as it can and says what was acknowledged, until it is
// killed. Opening the state is part of it, so that a kill may come during the migration. Its job is the state and a name.
import type { StateConfig } from '../../src/config/index.ts';
import { systemClock } from '../../src/core/index.ts';
import {
  createJoinToken,
  createRoot,
  IdentityRegistry,
  installIssuing,
  installRoot,
  issuingDue,
  requestIssuing,
  rotateIssuing,
  ServiceAuthority,
  signRequest,
} from '../../src/identity/index.ts';
import { openState } from '../../src/stores/index.ts';
import { authorityConfig } from '../support/service-ca.ts';
import { nextJob } from './writer-pool.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const { state: config, name } = await nextJob<{ state: StateConfig; name: string }>();
const state = await openState(config);
const { services } = state;
const { trustDomain } = authorityConfig;
say('open');
if ((await services.authorities(trustDomain)).length === 0) {
  const root = await createRoot(trustDomain, Date.now());
  const made = await installRoot(services, root, true, { keepRootKey: true }, systemClock);
  say(`authority ${made.root} ${made.issuing}`);
}
const registry = new IdentityRegistry(state.identity, systemClock);
const authority = new ServiceAuthority(services, state.identity, authorityConfig, systemClock);
for (let i = 0; ; i++) {
  const service = `${name}-${i}`;
  await registry.add('service', service, [], '', null);
  await authority.load();
  const first = await authority.issueX509(service, 'socket');
  say(`issued ${service} ${first.serial}`);
  const { record } = createJoinToken(service, 60_000, Date.now());
  await services.addJoinToken(record);
  say(`token ${service} ${record.id}`);
  const second = await authority.issueX509(service, 'join-token', {
    proof: { kind: 'token', sha256: record.sha256 },
  });
  say(`joined ${service} ${second.serial} ${record.id}`);
  await authority.revoke(first.serial);
  say(`revoked ${service} ${first.serial}`);
  const root = issuingDue(await services.authorities(trustDomain), Date.now()).root!;
  if (i % 3 === 0) say(`rotated ${await rotateIssuing(services, root, systemClock)}`);
  if (i % 3 === 1) {
    const { request } = await requestIssuing(services, trustDomain, systemClock);
    const signed = await signRequest(root, request, Date.now());
    say(`installed ${await installIssuing(services, trustDomain, signed, systemClock)}`);
  }
  if (i % 3 === 2) {
    const next = await createRoot(trustDomain, Date.now());
    const made = await installRoot(services, next, false, { keepRootKey: true }, systemClock);
    say(`authority ${made.root} ${made.issuing}`);
  }
}
