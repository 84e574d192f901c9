// One incident: what happened in which order, on what evidence, who takes part, what was done.
import { useState } from 'react';
import { ApiError, call } from '../api.ts';
import { Action, Empty, PageHead, Panel, Shown, Stranger, Time } from '../components/basic.tsx';
import { ActDialog, Choice, Field } from '../components/forms.tsx';
import { hrefOf } from '../router.ts';
import { useSession } from '../session.tsx';
import { useResource } from '../use-resource.ts';
import { type Incident, Priority } from './incidents.tsx';

export function IncidentDetail({ id }: { readonly id: string }) {
  const found = useResource('getIncident', { params: { incident: id } }, 3000);
  return (
    <>
      <PageHead title="Incident" about={<code>{id}</code>}>
        <a className="button" href={hrefOf('incidents')}>
          All incidents
        </a>
      </PageHead>
      <Shown of={found} lines={10}>
        {(incident) => <Detail incident={incident} reload={found.reload} />}
      </Shown>
    </>
  );
}

type Dialog = 'close' | 'note' | { readonly ban: string } | null;

function Detail({ incident, reload }: { readonly incident: Incident; readonly reload: () => void }) {
  const { may } = useSession();
  const [dialog, setDialog] = useState<Dialog>(null);
  const [problem, setProblem] = useState('');
  const { id, status } = incident;
  const params = { incident: id };
  const mayWrite = may('incidents:write');
  const attempt = async (work: () => Promise<unknown>): Promise<void> => {
    setProblem('');
    try {
      await work();
    } catch (error) {
      setProblem(error instanceof ApiError ? error.message : String(error));
    }
    reload();
  };
  const change = async (body: {
    readonly status?: 'open' | 'acknowledged';
    readonly verdict?: NonNullable<Incident['verdict']>;
  }): Promise<void> => {
    const { etag } = await call('getIncident', { params });
    await call('changeIncident', { params, ifMatch: etag, body });
  };
  const done = (): void => {
    setDialog(null);
    reload();
  };
  return (
    <>
      <Panel>
        <div className="row">
          <Priority of={incident.priority} />
          <strong className="grow">
            <Stranger text={incident.title} />
          </strong>
          <span className="badge">{incident.verdict ?? status}</span>
          {incident.assignee !== '' && (
            <span className="soft">
              with <Stranger text={incident.assignee} />
            </span>
          )}
          {mayWrite && status === 'open' && (
            <Action kind="primary" onPress={() => void attempt(() => change({ status: 'acknowledged' }))}>
              Acknowledge
            </Action>
          )}
          {mayWrite && status !== 'closed' && <Action onPress={() => setDialog('close')}>Close…</Action>}
          {mayWrite && <Action onPress={() => setDialog('note')}>Note</Action>}
        </div>
      </Panel>
      {problem !== '' && (
        <div className="note-box bad" role="alert">
          {problem}
        </div>
      )}
      <div className="grid">
        <Panel title="What happened" span={7}>
          <Timeline incident={incident} />
        </Panel>
        <div className="span-5 stack">
          <Panel title="What was done" flush>
            <Actions
              incident={incident}
              mayUndo={may('bans:write')}
              undo={(action) => void attempt(() => call('undoIncidentAction', { params, body: { action } }))}
            />
          </Panel>
          <Panel title="Who takes part">
            <dl className="facts">
              <dt>Addresses</dt>
              <dd>
                {incident.addresses.map((address) => (
                  <div key={address} className="row">
                    <a className="mono" href={hrefOf('requests', { address })}>
                      {address}
                    </a>
                    {may('bans:write') && (
                      <Action small kind="quiet" onPress={() => setDialog({ ban: address })}>
                        Ban {address}
                      </Action>
                    )}
                  </div>
                ))}
              </dd>
              <dt>Callers</dt>
              <dd>
                <Links of={incident.consumers} filter="consumer" />
              </dd>
              <dt>Operations</dt>
              <dd>
                <Links of={incident.operations} filter="text" />
              </dd>
            </dl>
          </Panel>
          <Panel title="In the field's words">
            <dl className="facts">
              <dt>Score</dt>
              <dd>{Math.round(incident.score)} of 100</dd>
              <dt>MITRE ATT&amp;CK</dt>
              <dd>{incident.attack.join(', ') || '–'}</dd>
              <dt>OWASP API</dt>
              <dd>{incident.owasp.join(', ') || '–'}</dd>
            </dl>
            {incident.context.length > 0 && (
              <ul className="small soft">
                {incident.context.map((line) => (
                  <li key={line}>
                    <Stranger text={line} />
                  </li>
                ))}
              </ul>
            )}
          </Panel>
        </div>
      </div>
      {dialog === 'close' && (
        <CloseDialog onClose={() => setDialog(null)} close={(verdict) => change({ verdict }).then(done)} />
      )}
      {dialog === 'note' && (
        <NoteDialog
          onClose={() => setDialog(null)}
          add={(text) => call('noteIncident', { params, body: { text } }).then(done)}
        />
      )}
      {dialog !== null && typeof dialog === 'object' && (
        <BanHere
          address={dialog.ban}
          onClose={() => setDialog(null)}
          ban={(forMs) =>
            call('banFromIncident', { params, body: { address: dialog.ban, forMs } }).then(done)
          }
        />
      )}
    </>
  );
}

const Links = ({ of, filter }: { readonly of: readonly string[]; readonly filter: string }) =>
  of.length === 0 ? (
    <span className="soft">–</span>
  ) : (
    of.map((name) => (
      <div key={name}>
        <a
          href={hrefOf('requests', {
            [filter]: filter === 'text' ? (name.split(/[/ ]/).at(-1) ?? name) : name,
          })}
        >
          <Stranger text={name} />
        </a>
      </div>
    ))
  );

interface Moment {
  readonly key: string;
  readonly atMs: number;
  readonly mark: string;
  readonly title: string;
  readonly lines: readonly string[];
}

const shown = (value: string | number | readonly string[]): string =>
  Array.isArray(value)
    ? value.slice(0, 8).join(', ')
    : typeof value === 'number'
      ? String(Math.round(value * 1000) / 1000)
      : String(value);

/** Alerts, notes and actions in the order that they came. */
function Timeline({ incident: { alerts, notes, actions } }: { readonly incident: Incident }) {
  const moments: Moment[] = [
    ...alerts.map(({ detector, atMs, reason, evidence, count, entity, p }) => ({
      key: `alert ${detector} ${entity.id}`,
      atMs,
      mark: '!',
      title: `${detector}: ${reason}`,
      lines: [
        ...Object.entries(evidence).map(([name, value]) => `${name}: ${shown(value)}`),
        `as odd by chance: ${p < 0.001 ? p.toExponential(1) : p.toFixed(3)}${count > 1 ? `, seen ${count} times` : ''}`,
      ],
    })),
    ...notes.map(({ atMs, by, text }) => ({
      key: `note ${atMs} ${text}`,
      atMs,
      mark: '✎',
      title: text,
      lines: [by],
    })),
    ...actions.map(({ id, atMs, kind, target, state, runbook }) => ({
      key: id,
      atMs,
      mark: '→',
      title: `${kind.replace('-', ' ')} ${target}`,
      lines: [`${runbook}: ${state}`],
    })),
  ].sort((a, b) => a.atMs - b.atMs);
  return (
    <ol className="steps">
      {moments.map(({ key, atMs, mark, title, lines }) => (
        <li key={key} className={`step ${mark === '!' ? 'refused' : ''}`}>
          <span className="mark" aria-hidden="true">
            {mark}
          </span>
          <Time ms={atMs} form="clock" />
          <span className="what">
            <Stranger text={title} />
            <ul>
              {lines.map((line) => (
                <li key={line}>
                  <Stranger text={line} />
                </li>
              ))}
            </ul>
          </span>
        </li>
      ))}
    </ol>
  );
}

function Actions({
  incident: { actions },
  mayUndo,
  undo,
}: {
  readonly incident: Incident;
  readonly mayUndo: boolean;
  readonly undo: (id: string) => void;
}) {
  if (actions.length === 0) return <Empty title="Nothing yet" />;
  return (
    <table className="plain">
      <tbody>
        {actions.map(({ id, kind, target, state, problem, untilMs, runbook }) => (
          <tr key={id}>
            <td>
              {kind.replace('-', ' ')} <code>{target}</code>
              <div className="small soft">
                {runbook}
                {untilMs !== null && (
                  <>
                    , until <Time ms={untilMs} />
                  </>
                )}
                {problem !== '' && `: ${problem}`}
              </div>
            </td>
            <td>
              <span className={`badge ${state === 'done' ? 'active' : state === 'failed' ? 'failed' : ''}`}>
                {state}
              </span>
            </td>
            <td>
              {mayUndo && state === 'done' && kind !== 'webhook' && (
                <Action
                  small
                  onPress={() => undo(id)}
                  aria-label={`Undo ${kind.replace('-', ' ')} ${target}`}
                >
                  Undo
                </Action>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

type Verdict = NonNullable<Incident['verdict']>;

function CloseDialog({
  onClose,
  close,
}: {
  readonly onClose: () => void;
  readonly close: (verdict: Verdict) => Promise<void>;
}) {
  const [verdict, setVerdict] = useState<Verdict>('true-positive');
  return (
    <ActDialog title="Close the incident" isOpen act="Close" onClose={onClose} onAct={() => close(verdict)}>
      <Choice
        label="What was it?"
        value={verdict}
        onChange={(value) => setVerdict(value as Verdict)}
        options={[
          ['true-positive', 'An attack'],
          ['benign', 'What it says, and harmless'],
          ['false-positive', 'A false alarm: detection learns from it'],
        ]}
      />
    </ActDialog>
  );
}

function NoteDialog({
  onClose,
  add,
}: {
  readonly onClose: () => void;
  readonly add: (text: string) => Promise<void>;
}) {
  const [text, setText] = useState('');
  return (
    <ActDialog
      title="Add a note"
      isOpen
      act="Add"
      isReady={text.trim() !== ''}
      onClose={onClose}
      onAct={() => add(text)}
    >
      <Field label="Note" rows={4} value={text} onChange={setText} autoFocus isRequired />
    </ActDialog>
  );
}

function BanHere({
  address,
  onClose,
  ban,
}: {
  readonly address: string;
  readonly onClose: () => void;
  readonly ban: (forMs: number) => Promise<void>;
}) {
  const [forMs, setForMs] = useState('3600000');
  return (
    <ActDialog
      title={`Ban ${address}`}
      isOpen
      kind="danger"
      act="Ban"
      onClose={onClose}
      onAct={() => ban(Number(forMs))}
    >
      <Choice
        label="For"
        value={forMs}
        onChange={setForMs}
        options={[
          ['900000', '15 minutes'],
          ['3600000', 'an hour'],
          ['86400000', 'a day'],
        ]}
      />
      <p className="small soft">It is written down with the incident, and can be undone from there.</p>
    </ActDialog>
  );
}
