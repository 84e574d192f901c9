// Settings: what the configuration says, who may use the console, and one's own account.
import { useState } from 'react';
import { call } from '../api.ts';
import { Action, Empty, PageHead, Panel, Shown, Stranger } from '../components/basic.tsx';
import { Segments } from '../components/forms.tsx';
import { navigate } from '../router.ts';
import { useSession } from '../session.tsx';
import { useResource } from '../use-resource.ts';
import { AccountPanel } from './account.tsx';
import { Members } from './members.tsx';

export default function SettingsPage({ parts }: { readonly parts: readonly string[] }) {
  const { may } = useSession();
  const tabs = [
    ...(may('settings:read') ? [['gate', 'Gate'] as const] : []),
    ...(may('members:read') ? [['members', 'Members'] as const] : []),
    ['account', 'Your account'] as const,
  ];
  const tab = tabs.find(([id]) => id === parts[0])?.[0] ?? tabs[0]![0];
  return (
    <>
      <PageHead title="Settings">
        <Segments
          label="Settings of what"
          value={tab}
          onChange={(value) => navigate(`settings/${value}`)}
          options={tabs}
        />
      </PageHead>
      {tab === 'gate' && <GateSettings />}
      {tab === 'members' && <Members />}
      {tab === 'account' && <AccountPanel />}
    </>
  );
}

function GateSettings() {
  const { may } = useSession();
  const settings = useResource('getSettings');
  const [done, setDone] = useState<{ readonly ok: boolean; readonly text: string } | null>(null);
  const reload = async (): Promise<void> => {
    try {
      const { data } = await call('reload');
      setDone({
        ok: data.ok,
        text: data.ok
          ? `Generation ${data.generation} is being served.`
          : `The configuration was not taken, the one before stays: ${data.problem || (data.diagnostics[0]?.message ?? '')}`,
      });
      settings.reload();
    } catch (error) {
      setDone({ ok: false, text: (error as Error).message });
    }
  };
  return (
    <>
      {done !== null && (
        <div className={`note-box ${done.ok ? 'good' : 'bad'}`} role="status">
          {done.text}
        </div>
      )}
      <Shown of={settings}>
        {({ file, generation, sections, diagnostics }) => (
          <div className="grid">
            <Panel
              title="Configuration"
              action={
                may('settings:write') && (
                  <Action small onPress={() => void reload()}>
                    Reload
                  </Action>
                )
              }
            >
              <p>
                <code>{file}</code> <span className="badge">generation {generation}</span>
              </p>
              <p className="small soft">
                The file is the source of truth. What changes in it is loaded by itself; “gatewright check”
                explains it.
              </p>
            </Panel>
            <Panel title="Worth a second look" span={12} flush>
              {diagnostics.length === 0 ? (
                <Empty title="Nothing" />
              ) : (
                <table className="plain">
                  <tbody>
                    {diagnostics.map(({ id, message, suggestion, at }) => (
                      <tr key={`${id} ${at} ${message}`}>
                        <td>
                          <span className="badge warn">{id}</span>
                        </td>
                        <td>
                          {message} <span className="soft">{suggestion}</span>
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              )}
            </Panel>
            {sections.map(({ name, rows }) => (
              <Panel key={name} title={name} span={6}>
                {rows.length === 0 ? (
                  <span className="soft">none</span>
                ) : (
                  <dl className="facts">
                    {rows.map((row) => (
                      <SettingRow key={row.name} name={row.name} value={row.value} />
                    ))}
                  </dl>
                )}
              </Panel>
            ))}
          </div>
        )}
      </Shown>
    </>
  );
}

function SettingRow({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>
        <Stranger text={value} />
      </dd>
    </>
  );
}
