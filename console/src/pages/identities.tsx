// Identities: users, clients and services, what they may do, and a way to stop them.
import { useState } from 'react';
import type { z } from 'zod';
import type { identity as identitySchema } from '../../../src/admin-api/schemas.ts';
import { call } from '../api.ts';
import { Action, Empty, PageHead, Panel, Scopes, Shown, Stranger, Time } from '../components/basic.tsx';
import { ActDialog, Choice, Field } from '../components/forms.tsx';
import { Icon } from '../components/icons.tsx';
import { hrefOf, navigate } from '../router.ts';
import { useSession } from '../session.tsx';
import { useResource } from '../use-resource.ts';

type Identity = z.output<typeof identitySchema>;
type Kind = Identity['kind'];

const words = (text: string): string[] => text.split(/[\s,]+/).filter((word) => word !== '');

export default function IdentitiesPage({ query }: { readonly query: Readonly<Record<string, string>> }) {
  const { may } = useSession();
  const [text, setText] = useState(query['text'] ?? '');
  const kind = query['kind'] ?? '';
  const list = useResource('listIdentities', { query: { text, kind, limit: 500 } }, 10_000);
  const [isAdding, setAdding] = useState(false);
  const [edited, setEdited] = useState<Identity | null>(null);
  const mayWrite = may('identities:write');
  return (
    <>
      <PageHead title="Identities" about="Who may call: in the state, and in the configuration file">
        {mayWrite && (
          <Action kind="primary" onPress={() => setAdding(true)}>
            <Icon name="plus" size={16} /> Add
          </Action>
        )}
      </PageHead>
      <div className="row">
        <div className="grow" style={{ minWidth: 200 }}>
          <Field label="Search" type="search" value={text} onChange={setText} placeholder="Name or note" />
        </div>
        <Choice
          label="Kind"
          value={kind}
          onChange={(value) => navigate('identities', { ...query, kind: value }, true)}
          options={[
            ['', 'All kinds'],
            ['user', 'Users'],
            ['client', 'Clients'],
            ['service', 'Services'],
          ]}
        />
      </div>
      <Panel flush>
        <Shown of={list}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty title="Nobody of this name" />
            ) : (
              <table className="plain cards">
                <thead>
                  <tr>
                    <th>Name</th>
                    <th>Kind</th>
                    <th>Scopes</th>
                    <th className="num">Keys</th>
                    <th>Last used</th>
                    <th>State</th>
                    <th>
                      <span className="visually-hidden">Actions</span>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {items.map((one) => (
                    <tr key={one.id}>
                      <td data-label="Name">
                        <div>
                          <a href={hrefOf('requests', { consumer: one.id })}>
                            <Stranger text={one.id} />
                          </a>
                          {one.note !== '' && (
                            <div className="soft small">
                              <Stranger text={one.note} />
                            </div>
                          )}
                        </div>
                      </td>
                      <td data-label="Kind">{one.kind}</td>
                      <td data-label="Scopes">
                        <Scopes scopes={one.scopes} />
                      </td>
                      <td className="num" data-label="Keys">
                        <a href={hrefOf('keys', { owner: one.id })}>{one.keys}</a>
                      </td>
                      <td data-label="Last used">
                        <Time ms={one.lastUsedMs} form="ago" />
                      </td>
                      <td data-label="State">
                        {one.source === 'configuration' ? (
                          <span className="badge">in the file</span>
                        ) : one.disabledMs === null ? (
                          <span className="badge active">active</span>
                        ) : (
                          <span className="badge refused">disabled</span>
                        )}
                      </td>
                      <td>
                        {mayWrite && one.source === 'state' && (
                          <Action small onPress={() => setEdited(one)} aria-label={`Change ${one.id}`}>
                            Change
                          </Action>
                        )}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            )
          }
        </Shown>
      </Panel>
      {isAdding && <AddDialog onClose={() => setAdding(false)} onDone={list.reload} />}
      {edited !== null && (
        <ChangeDialog identity={edited} onClose={() => setEdited(null)} onDone={list.reload} />
      )}
    </>
  );
}

function AddDialog({ onClose, onDone }: { readonly onClose: () => void; readonly onDone: () => void }) {
  const [id, setId] = useState('');
  const [kind, setKind] = useState<Kind>('client');
  const [scopes, setScopes] = useState('');
  const [note, setNote] = useState('');
  return (
    <ActDialog
      title="Add an identity"
      isOpen
      onClose={onClose}
      act="Add"
      isReady={id !== ''}
      onAct={async () => {
        await call('createIdentity', { body: { id, kind, scopes: words(scopes), note } });
        onDone();
        onClose();
      }}
    >
      <Field label="Name" value={id} onChange={setId} isRequired autoFocus hint="Of tokens: issuer|subject" />
      <Choice
        label="Kind"
        value={kind}
        onChange={(value) => setKind(value as Kind)}
        options={[
          ['client', 'Client: a program that calls'],
          ['user', 'User: a person'],
          ['service', 'Service: one of your own'],
        ]}
      />
      <Field label="Scopes" value={scopes} onChange={setScopes} placeholder="orders:read orders:write" />
      <Field label="Note" value={note} onChange={setNote} />
    </ActDialog>
  );
}

function ChangeDialog({
  identity,
  onClose,
  onDone,
}: {
  readonly identity: Identity;
  readonly onClose: () => void;
  readonly onDone: () => void;
}) {
  const [scopes, setScopes] = useState(identity.scopes.join(' '));
  const [state, setState] = useState(identity.disabledMs === null ? 'active' : 'disabled');
  return (
    <ActDialog
      title={`Change ${identity.id}`}
      isOpen
      onClose={onClose}
      act="Save"
      onAct={async () => {
        const { etag } = await call('getIdentity', { params: { identity: identity.id } });
        const wanted = words(scopes);
        const isDisabled = state === 'disabled';
        await call('changeIdentity', {
          params: { identity: identity.id },
          ifMatch: etag,
          body: {
            ...(wanted.join(' ') === identity.scopes.join(' ') ? {} : { scopes: wanted }),
            ...(isDisabled === (identity.disabledMs !== null) ? {} : { disabled: isDisabled }),
          },
        });
        onDone();
        onClose();
      }}
    >
      <Field
        label="Scopes"
        value={scopes}
        onChange={setScopes}
        hint="In force with the next request of its keys."
      />
      <Choice
        label="State"
        value={state}
        onChange={setState}
        options={[
          ['active', 'Active'],
          ['disabled', 'Disabled: its keys and tokens are refused at once'],
        ]}
      />
    </ActDialog>
  );
}
