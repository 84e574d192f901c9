// Invitations and members of the control plane.
import { ConsoleSessions } from '../../admin/index.ts';
import { permissionsOf, type Role } from '../../admin-api/index.ts';
import { consoleUrl } from '../../app/index.ts';
import { systemClock } from '../../core/index.ts';
import { CommandError, Exit, print, printJson } from '../output.ts';
import { moment, table, withState } from '../state.ts';

type Options = Readonly<Record<string, unknown>>;

const LIFETIME_MS = 24 * 3_600_000;

export const runInvite = (options: Options, user: string): Promise<number> =>
  withState(options, async ({ state, config }) => {
    const role = options['role'] as Role;
    const url = consoleUrl(
      config,
      config.listeners.map(({ name, host, port, tls }) => ({ name, host, port, tls: tls !== null })),
    );
    if (url === null)
      throw new CommandError(
        'the configuration serves no console: add "console: { service: admin, exposure: internal }" to its APIs',
        Exit.configuration,
      );
    const { token, untilMs } = await new ConsoleSessions(state.oauth, systemClock).invite(
      user,
      role,
      LIFETIME_MS,
    );
    const link = `${url}/#/enrol/${token}`;
    if (options['json'] === true) printJson({ user, role, link, untilMs });
    else print(`A link for ${user} as ${role}, good once until ${moment(untilMs)}:\n\n  ${link}`);
    return Exit.ok;
  });

export const runMembers = (options: Options): Promise<number> =>
  withState(options, async ({ registry }) => {
    const members = (await registry.principals('user'))
      .map((user) => ({ ...user, ...permissionsOf(user.scopes) }))
      .filter(({ permissions }) => permissions.size > 0);
    if (options['json'] === true)
      printJson(members.map(({ id, roles, disabledMs }) => ({ user: id, roles, disabledMs })));
    else
      print(
        table(
          ['USER', 'ROLES', 'DISABLED'],
          members.map(({ id, roles, disabledMs }) => [id, roles.join(' ') || '-', moment(disabledMs)]),
        ),
      );
    return Exit.ok;
  });
