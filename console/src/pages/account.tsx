// One's own account: how somebody signs in.
import { useState } from 'react';
import { ApiError, call } from '../api.ts';
import { Action, Panel, Shown, Stranger, Time } from '../components/basic.tsx';
import { ActDialog, Field } from '../components/forms.tsx';
import { usePasskey } from '../passkey.ts';
import { useSession } from '../session.tsx';
import { useResource } from '../use-resource.ts';

const kinds: Readonly<Record<string, string>> = {
  password: 'Password',
  totp: 'Authenticator app',
  passkey: 'Passkey',
  recovery: 'Recovery code',
};

export function AccountPanel() {
  const { session } = useSession();
  const account = useResource('getAccount');
  const passkey = usePasskey();
  const [totp, setTotp] = useState<{ readonly secret: string; readonly uri: string } | null>(null);
  const [code, setCode] = useState('');
  const [problem, setProblem] = useState('');
  const attempt = async (work: () => Promise<void>): Promise<void> => {
    setProblem('');
    try {
      await work();
      account.reload();
    } catch (error) {
      setProblem(error instanceof ApiError ? error.message : 'It was not added.');
    }
  };
  return (
    <div className="grid">
      <Panel title="You" span={6}>
        <dl className="facts">
          <dt>Name</dt>
          <dd>
            <Stranger text={session?.user} />
          </dd>
          <dt>Roles</dt>
          <dd>{session?.roles.join(', ')}</dd>
          <dt>Permissions</dt>
          <dd className="small">{session?.permissions.join(', ')}</dd>
          <dt>Signed in until</dt>
          <dd>
            <Time ms={session?.untilMs ?? null} />
          </dd>
        </dl>
      </Panel>
      <Panel title="How you sign in" span={6}>
        <Shown of={account} lines={3}>
          {({ credentials }) => (
            <div className="stack">
              <ul className="stack">
                {credentials.map(({ id, kind, label, createdMs }) => (
                  <li key={id} className="row">
                    <strong>{kinds[kind] ?? kind}</strong>
                    <span className="soft grow">
                      {label} since <Time ms={createdMs} />
                    </span>
                    {kind !== 'password' && (
                      <Action
                        small
                        kind="danger"
                        onPress={() =>
                          void attempt(
                            async () => void (await call('removeCredential', { params: { credential: id } })),
                          )
                        }
                      >
                        Remove
                      </Action>
                    )}
                  </li>
                ))}
              </ul>
              {!credentials.some(({ kind }) => kind === 'totp' || kind === 'passkey') && (
                <div className="note-box warn">
                  A password alone protects this account. Add a passkey or an authenticator app.
                </div>
              )}
              {problem !== '' && (
                <div className="note-box bad" role="alert">
                  {problem}
                </div>
              )}
              <div className="row">
                {passkey.isPossible && (
                  <Action onPress={() => void attempt(() => passkey.add('This device'))}>
                    Add a passkey
                  </Action>
                )}
                <Action onPress={() => void attempt(async () => setTotp((await call('beginTotp')).data))}>
                  Add an authenticator app
                </Action>
              </div>
            </div>
          )}
        </Shown>
      </Panel>
      {totp !== null && (
        <ActDialog
          title="Authenticator app"
          isOpen
          act="Add"
          isReady={/^[0-9]{6}$/.test(code)}
          onClose={() => setTotp(null)}
          onAct={async () => {
            await call('addTotp', { body: { secret: totp.secret, code } });
            setTotp(null);
            setCode('');
            account.reload();
          }}
        >
          <p className="soft">
            Enter this key in the app, or <a href={totp.uri}>open it on this device</a>.
          </p>
          <div className="secret">{totp.secret}</div>
          <Field
            label="Code that it shows"
            value={code}
            onChange={setCode}
            inputMode="numeric"
            autoComplete="one-time-code"
            isRequired
          />
        </ActDialog>
      )}
    </div>
  );
}
