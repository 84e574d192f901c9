// Members: who may use the console, in which role; invited by one-time links.
import { useState } from 'react';
import type { z } from 'zod';
import type { Role } from '../../../src/admin-api/permissions.ts';
import type { member as memberSchema } from '../../../src/admin-api/schemas.ts';
import { call } from '../api.ts';
import { Action, Panel, Shown, Stranger } from '../components/basic.tsx';
import { ActDialog, Choice, Field, SecretDialog } from '../components/forms.tsx';
import { Icon } from '../components/icons.tsx';
import { useSession } from '../session.tsx';
import { useResource } from '../use-resource.ts';

type Member = z.output<typeof memberSchema>;

const roleOptions: readonly (readonly [Role, string])[] = [
  ['viewer', 'Viewer: sees traffic, APIs, rules'],
  ['responder', 'Responder: also revokes keys'],
  ['operator', 'Operator: also issues keys and changes rules'],
  ['administrator', 'Administrator: also decides who may do what'],
  ['auditor', 'Auditor: sees everything, changes nothing'],
];

export function Members() {
  const { may, session } = useSession();
  const members = useResource('listMembers');
  const [isInviting, setInviting] = useState(false);
  const [changed, setChanged] = useState<Member | null>(null);
  const [link, setLink] = useState<string | null>(null);
  const mayWrite = may('members:write');
  return (
    <>
      <Panel
        title="Who may use the console"
        flush
        action={
          mayWrite && (
            <Action small kind="primary" onPress={() => setInviting(true)}>
              <Icon name="plus" size={14} /> Invite
            </Action>
          )
        }
      >
        <Shown of={members}>
          {({ items }) => (
            <table className="plain cards">
              <thead>
                <tr>
                  <th>User</th>
                  <th>Role</th>
                  <th>Signs in with</th>
                  <th>State</th>
                  <th>
                    <span className="visually-hidden">Actions</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {items.map((one) => (
                  <tr key={one.user}>
                    <td data-label="User">
                      <Stranger text={one.user} />
                    </td>
                    <td data-label="Role">{one.roles.join(', ') || 'single permissions'}</td>
                    <td data-label="Signs in with">
                      {one.enrolled
                        ? one.secondFactor
                          ? 'two factors, or a passkey'
                          : 'a password alone'
                        : 'nothing yet'}
                    </td>
                    <td data-label="State">
                      <span className={`badge ${one.disabledMs === null ? 'active' : 'refused'}`}>
                        {one.disabledMs === null ? 'active' : 'disabled'}
                      </span>
                    </td>
                    <td>
                      {mayWrite && one.user !== session?.user && (
                        <Action small onPress={() => setChanged(one)} aria-label={`Change ${one.user}`}>
                          Change
                        </Action>
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
        </Shown>
      </Panel>
      {isInviting && (
        <InviteDialog
          onClose={() => setInviting(false)}
          onDone={(path) => {
            setInviting(false);
            setLink(new URL(path.replace(/^\//, ''), document.baseURI).href);
            members.reload();
          }}
        />
      )}
      {changed !== null && (
        <ChangeMember
          member={changed}
          onClose={() => setChanged(null)}
          onDone={() => {
            setChanged(null);
            members.reload();
          }}
        />
      )}
      <SecretDialog
        title="One-time link"
        secret={link}
        note="Good once, for a day. Send it on a way that only its reader sees."
        onClose={() => setLink(null)}
      />
    </>
  );
}

function InviteDialog({
  onClose,
  onDone,
}: {
  readonly onClose: () => void;
  readonly onDone: (path: string) => void;
}) {
  const [user, setUser] = useState('');
  const [role, setRole] = useState<Role>('viewer');
  return (
    <ActDialog
      title="Invite somebody"
      isOpen
      act="Make a link"
      isReady={user !== ''}
      onClose={onClose}
      onAct={async () => onDone((await call('invite', { body: { user, role } })).data.path)}
    >
      <Field
        label="Name"
        value={user}
        onChange={setUser}
        isRequired
        autoFocus
        hint="Somebody who is there gets a new password and this role."
      />
      <Choice label="Role" value={role} onChange={(value) => setRole(value as Role)} options={roleOptions} />
    </ActDialog>
  );
}

function ChangeMember({
  member,
  onClose,
  onDone,
}: {
  readonly member: Member;
  readonly onClose: () => void;
  readonly onDone: () => void;
}) {
  const [role, setRole] = useState<Role>(member.roles[0] ?? 'viewer');
  const [state, setState] = useState(member.disabledMs === null ? 'active' : 'disabled');
  return (
    <ActDialog
      title={`Change ${member.user}`}
      isOpen
      act="Save"
      onClose={onClose}
      onAct={async () => {
        const isDisabled = state === 'disabled';
        await call('changeMember', {
          params: { user: member.user },
          body: {
            ...(role === member.roles[0] ? {} : { role }),
            ...(isDisabled === (member.disabledMs !== null) ? {} : { disabled: isDisabled }),
          },
        });
        onDone();
      }}
    >
      <Choice label="Role" value={role} onChange={(value) => setRole(value as Role)} options={roleOptions} />
      <Choice
        label="State"
        value={state}
        onChange={setState}
        options={[
          ['active', 'Active'],
          ['disabled', 'Disabled: out at once'],
        ]}
      />
    </ActDialog>
  );
}
