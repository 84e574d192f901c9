// Who may use the console. People come in by one-time links; nobody changes their own standing, and the last administrator stays.
import { permissionsOf, type Role, roles, SCOPE_PREFIX, scopeOfRole } from '../admin-api/index.ts';
import { IdentityRegistry, type Principal } from '../identity/index.ts';
import { type AdminHandler, type AdminParts, AdminProblem, callerOf, stateOf } from './contract.ts';
import { ConsoleSessions } from './sessions.ts';

/** How long a link that somebody is sent is good, ms. */
export const INVITATION_MS = 24 * 3_600_000;
const REMEMBERED_MS = 400 * 86_400_000;

const isMember = (principal: Principal): boolean =>
  principal.kind === 'user' && permissionsOf(principal.scopes).permissions.size > 0;

export function memberHandlers(parts: AdminParts) {
  const registry = (): IdentityRegistry => new IdentityRegistry(stateOf(parts).identity, parts.clock);

  const viewOf = async (principal: Principal) => {
    const kinds = (await stateOf(parts).oauth.credentials(principal.id)).map(({ kind }) => kind);
    const { roles: own } = permissionsOf(principal.scopes);
    return {
      user: principal.id,
      roles: own,
      scopes: principal.scopes.filter((scope) => scope.startsWith(SCOPE_PREFIX)),
      note: principal.note,
      disabledMs: principal.disabledMs,
      enrolled: kinds.some((kind) => kind === 'password' || kind === 'passkey'),
      secondFactor: kinds.some((kind) => kind === 'totp' || kind === 'passkey'),
    };
  };
  const memberOf = async (user: string): Promise<Principal> => {
    const found = await stateOf(parts).identity.principal(user);
    if (found === null || !isMember(found))
      throw new AdminProblem('resource-unknown', 'There is no such member.');
    return found;
  };

  return {
    listMembers: async () => {
      const members = (await registry().principals('user')).filter(isMember);
      return { status: 200, body: { items: await Promise.all(members.map(viewOf)) } };
    },

    invite: async (request) => {
      const { user, role } = request.body as { user: string; role: Role };
      if (user === callerOf(request).id)
        throw new AdminProblem(
          'resource-conflict',
          'Nobody changes their own standing: ask another administrator.',
        );
      const found = await stateOf(parts).identity.principal(user);
      if (found !== null && found.kind !== 'user')
        throw new AdminProblem('resource-conflict', `There is a ${found.kind} of this name.`);
      const sessions = new ConsoleSessions(stateOf(parts).oauth, parts.clock);
      const { token, untilMs } = await sessions.invite(user, role, INVITATION_MS);
      return {
        status: 201,
        body: { user, role, path: `/#/enrol/${token}`, untilMs },
        audit: { target: { kind: 'user', id: user }, after: { role, untilMs } },
      };
    },

    changeMember: async (request) => {
      const before = await memberOf(request.params['user']!);
      if (before.id === callerOf(request).id)
        throw new AdminProblem(
          'resource-conflict',
          'Nobody changes their own standing: ask another administrator.',
        );
      const { role, disabled } = request.body as { role?: Role; disabled?: boolean };
      if (role !== undefined) {
        const others = before.scopes.filter(
          (scope) => !roles.some((known) => scope === SCOPE_PREFIX + known),
        );
        await registry().setScopes('user', before.id, [...others, scopeOfRole(role)]);
      }
      if (disabled === true) await registry().disable('user', before.id, REMEMBERED_MS);
      if (disabled === false) await registry().enable('user', before.id);
      await parts.refresh();
      return {
        status: 200,
        body: await viewOf(await memberOf(before.id)),
        audit: {
          target: { kind: 'user', id: before.id },
          before: { scopes: before.scopes, disabled: before.disabledMs !== null },
          after: { ...(role === undefined ? {} : { role }), ...(disabled === undefined ? {} : { disabled }) },
        },
      };
    },

    endMemberSessions: async (request) => {
      const member = await memberOf(request.params['user']!);
      await new ConsoleSessions(stateOf(parts).oauth, parts.clock).endAll(member.id);
      return { status: 204, audit: { target: { kind: 'user', id: member.id } } };
    },
  } as const satisfies Record<string, AdminHandler>;
}
