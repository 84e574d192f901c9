// Keys: how old, when last used, what they may do; issued, rotated and revoked.
import { useState } from 'react';
import type { z } from 'zod';
import type { keyView } from '../../../src/admin-api/schemas.ts';
import { call } from '../api.ts';
import { Action, Empty, PageHead, Panel, Scopes, Shown, Stranger, Time } from '../components/basic.tsx';
import { ActDialog, Choice, Field, SecretDialog } from '../components/forms.tsx';
import { Icon } from '../components/icons.tsx';
import { navigate } from '../router.ts';
import { useSession } from '../session.tsx';
import { useResource } from '../use-resource.ts';

type Key = z.output<typeof keyView>;
const DAY_MS = 86_400_000;
const words = (text: string): string[] => text.split(/[\s,]+/).filter((word) => word !== '');

export default function KeysPage({ query }: { readonly query: Readonly<Record<string, string>> }) {
  const { may } = useSession();
  const [text, setText] = useState(query['text'] ?? '');
  const list = useResource(
    'listKeys',
    { query: { text, owner: query['owner'], status: query['status'], limit: 500 } },
    10_000,
  );
  const [isIssuing, setIssuing] = useState(query['new'] === '1');
  const [rotated, setRotated] = useState<Key | null>(null);
  const [revoked, setRevoked] = useState<Key | null>(null);
  const [secret, setSecret] = useState<string | null>(null);
  const done = (key: string | null): void => {
    setIssuing(false);
    setRotated(null);
    setRevoked(null);
    setSecret(key);
    list.reload();
  };
  return (
    <>
      <PageHead
        title="Keys"
        about={
          query['owner'] === undefined
            ? 'API keys of the state; only their hashes are kept'
            : `API keys of ${query['owner']}`
        }
      >
        {may('keys:write') && (
          <Action kind="primary" onPress={() => setIssuing(true)}>
            <Icon name="plus" size={16} /> Issue a key
          </Action>
        )}
      </PageHead>
      <div className="row">
        <div className="grow" style={{ minWidth: 200 }}>
          <Field label="Search" type="search" value={text} onChange={setText} placeholder="Id or owner" />
        </div>
        <Choice
          label="Status"
          value={query['status'] ?? ''}
          onChange={(status) => navigate('keys', { ...query, status }, true)}
          options={[
            ['', 'Any status'],
            ['active', 'Active'],
            ['expired', 'Expired'],
            ['revoked', 'Revoked'],
          ]}
        />
      </div>
      <Panel flush>
        <Shown of={list}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty title="There is no such key">
                <span>Keys in the configuration file are listed with their consumers under Identities.</span>
              </Empty>
            ) : (
              <table className="plain cards">
                <thead>
                  <tr>
                    <th>Key</th>
                    <th>Owner</th>
                    <th>Status</th>
                    <th>Scopes</th>
                    <th>Age</th>
                    <th>Last used</th>
                    <th>Expires</th>
                    <th>
                      <span className="visually-hidden">Actions</span>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {items.map((key) => (
                    <tr key={key.id}>
                      <td data-label="Key">
                        <div>
                          <code>{key.id}</code>
                          {key.advice !== '' && <div className="soft small">{key.advice}</div>}
                        </div>
                      </td>
                      <td data-label="Owner">
                        <Stranger text={key.owner} />
                      </td>
                      <td data-label="Status">
                        <span className={`badge ${key.status}`}>{key.status}</span>
                      </td>
                      <td data-label="Scopes">
                        {key.scopes === null ? (
                          <span className="soft">of its owner</span>
                        ) : (
                          <Scopes scopes={key.scopes} />
                        )}
                      </td>
                      <td data-label="Age">{key.ageDays < 1 ? 'today' : `${Math.floor(key.ageDays)} d`}</td>
                      <td data-label="Last used">
                        <Time ms={key.lastUsedMs} form="ago" />
                      </td>
                      <td data-label="Expires">
                        {key.expiresMs === null ? 'never' : <Time ms={key.expiresMs} />}
                      </td>
                      <td>
                        {key.status === 'active' && (
                          <span className="row" style={{ flexWrap: 'nowrap' }}>
                            {may('keys:write') && (
                              <Action small onPress={() => setRotated(key)} aria-label={`Rotate ${key.id}`}>
                                Rotate
                              </Action>
                            )}
                            {may('keys:revoke') && (
                              <Action
                                small
                                kind="danger"
                                onPress={() => setRevoked(key)}
                                aria-label={`Revoke ${key.id}`}
                              >
                                Revoke
                              </Action>
                            )}
                          </span>
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
      {isIssuing && (
        <IssueDialog owner={query['owner'] ?? ''} onClose={() => setIssuing(false)} onDone={done} />
      )}
      {rotated !== null && <RotateDialog of={rotated} onClose={() => setRotated(null)} onDone={done} />}
      {revoked !== null && (
        <ActDialog
          title={`Revoke ${revoked.id}?`}
          isOpen
          kind="danger"
          act="Revoke"
          onClose={() => setRevoked(null)}
          onAct={async () => {
            const { etag } = await call('getKey', { params: { key: revoked.id } });
            await call('revokeKey', { params: { key: revoked.id }, ifMatch: etag });
            done(null);
          }}
        >
          <p>
            Every gate on this state refuses it within a second. {revoked.owner} needs another key first?
            Rotate it instead: both are good for a while.
          </p>
        </ActDialog>
      )}
      <SecretDialog
        title="The key"
        secret={secret}
        note="It is shown this once, and nobody can read it later: only its hash is kept."
        onClose={() => setSecret(null)}
      />
    </>
  );
}

const lifetimes: readonly (readonly [string, string])[] = [
  ['30', '30 days'],
  ['90', '90 days'],
  ['365', 'a year'],
  ['0', 'for ever'],
];

function IssueDialog({
  owner: given,
  onClose,
  onDone,
}: {
  readonly owner: string;
  readonly onClose: () => void;
  readonly onDone: (key: string) => void;
}) {
  const owners = useResource('listIdentities', { query: { limit: 500 } });
  const possible =
    owners.data?.items.filter(({ source, disabledMs }) => source === 'state' && disabledMs === null) ?? [];
  const [owner, setOwner] = useState(given);
  const [scopes, setScopes] = useState('');
  const [addresses, setAddresses] = useState('');
  const [days, setDays] = useState('90');
  const chosen = owner !== '' ? owner : (possible[0]?.id ?? '');
  return (
    <ActDialog
      title="Issue a key"
      isOpen
      act="Issue"
      isReady={chosen !== ''}
      onClose={onClose}
      onAct={async () => {
        const { data } = await call('issueKey', {
          body: {
            owner: chosen,
            ...(words(scopes).length === 0 ? {} : { scopes: words(scopes) }),
            addresses: words(addresses),
            ...(days === '0' ? {} : { lifetimeMs: Number(days) * DAY_MS }),
          },
        });
        onDone(data.key);
      }}
    >
      {owners.data !== undefined && possible.length === 0 ? (
        <div className="note-box warn">There is nobody in the state yet: add an identity first.</div>
      ) : (
        <Choice
          label="Owner"
          value={chosen}
          onChange={setOwner}
          options={possible.map(({ id, kind }) => [id, `${id} (${kind})`] as const)}
        />
      )}
      <Field
        label="Scopes"
        value={scopes}
        onChange={setScopes}
        placeholder="those of the owner"
        hint="Fewer than the owner's, for a key that does one thing."
      />
      <Field
        label="From these addresses only"
        value={addresses}
        onChange={setAddresses}
        placeholder="anywhere, or 10.0.0.0/8"
      />
      <Choice label="Good for" value={days} onChange={setDays} options={lifetimes} />
    </ActDialog>
  );
}

function RotateDialog({
  of,
  onClose,
  onDone,
}: {
  readonly of: Key;
  readonly onClose: () => void;
  readonly onDone: (key: string) => void;
}) {
  const [hours, setHours] = useState('24');
  return (
    <ActDialog
      title={`Rotate ${of.id}`}
      isOpen
      act="Rotate"
      onClose={onClose}
      onAct={async () => {
        const { data } = await call('rotateKey', {
          params: { key: of.id },
          body: { overlapMs: Number(hours) * 3_600_000 },
        });
        onDone(data.key);
      }}
    >
      <p className="soft">
        A new key with the same scopes and addresses; the old one stays good for a while, so that nothing
        stops.
      </p>
      <Choice
        label="Both are good for"
        value={hours}
        onChange={setHours}
        options={[
          ['1', 'an hour'],
          ['24', 'a day'],
          ['168', 'a week'],
        ]}
      />
    </ActDialog>
  );
}
