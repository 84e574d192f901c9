// Audit: who did what to what, newest first; one entry with its proof, checked here in the browser and not by who shows it.
import { useEffect, useState } from 'react';
import { GridList, GridListItem, ListLayout, Virtualizer } from 'react-aria-components';
import type { z } from 'zod';
import type { auditEntry, auditProof } from '../../../src/admin-api/schemas.ts';
import { Action, Empty, PageHead, Panel, Shown, Stranger, Time } from '../components/basic.tsx';
import { Choice, Field } from '../components/forms.tsx';
import { number } from '../format.ts';
import { hrefOf, navigate } from '../router.ts';
import { useResource } from '../use-resource.ts';
import { type ProofStep, verifyProof } from '../verify-proof.ts';

type Entry = z.output<typeof auditEntry>;
type Proof = z.output<typeof auditProof>;

export default function AuditPage({
  parts,
  query,
}: {
  readonly parts: readonly string[];
  readonly query: Readonly<Record<string, string>>;
}) {
  return parts[0] === undefined ? <Trail query={query} /> : <Proved index={parts[0]} />;
}

const actions: readonly (readonly [string, string])[] = [
  ['', 'Any action'],
  ['admin', 'Control plane'],
  ['identity', 'Sign-ins and tokens'],
  ['service', 'Services'],
  ['state', 'Command line'],
  ['config', 'Configuration'],
  ['gate', 'Starts and stops'],
  ['vault', 'Vault'],
  ['request', 'Refused requests'],
];

const partyText = (party: Entry['actor']): string => (party === null ? '' : `${party.kind} ${party.id}`);
const detailOf = (entry: Entry): string =>
  entry.shredded
    ? 'its key was destroyed'
    : String(entry.details['operation'] ?? entry.details['event'] ?? entry.details['code'] ?? entry.reason);

function Trail({ query }: { readonly query: Readonly<Record<string, string>> }) {
  const [who, setWho] = useState(query['who'] ?? '');
  const { action = '', outcome = '', cursor } = query;
  const found = useResource(
    'searchAudit',
    { query: { action, outcome, who, cursor, limit: 500 } },
    cursor === undefined ? 5000 : 0,
  );
  const change = (part: Readonly<Record<string, string>>): void =>
    navigate('audit', { action, outcome, who, ...part }, true);
  const isNarrow = matchMedia('(max-width: 760px)').matches;
  return (
    <>
      <PageHead
        title="Audit"
        about={
          found.data === undefined
            ? 'Who did what, and the proof of it'
            : `${number(found.data.size)} entries in a signed tree; newest first`
        }
      />
      <div className="row">
        <div className="grow" style={{ minWidth: 180 }}>
          <Field
            label="Who or what"
            type="search"
            value={who}
            onChange={setWho}
            placeholder="Exact name of actor or target"
          />
        </div>
        <Choice
          label="Action"
          value={action}
          onChange={(value) => change({ action: value })}
          options={actions}
        />
        <Choice
          label="Outcome"
          value={outcome}
          onChange={(value) => change({ outcome: value })}
          options={[
            ['', 'Any outcome'],
            ['success', 'Success'],
            ['failure', 'Failure'],
            ['refused', 'Refused'],
          ]}
        />
      </div>
      <Panel flush>
        <div className="request-head audit-head" aria-hidden="true">
          <span>Time</span>
          <span>Action</span>
          <span>Outcome</span>
          <span>Actor</span>
          <span>Target</span>
          <span>Detail</span>
          <span className="num">Entry</span>
        </div>
        <Shown of={found} lines={10}>
          {({ items, next }) =>
            items.length === 0 ? (
              <Empty title="No entry matches" />
            ) : (
              <>
                <Virtualizer layout={ListLayout} layoutOptions={{ rowSize: isNarrow ? 62 : 40 }}>
                  <GridList
                    className="request-list"
                    aria-label="Entries of the audit trail"
                    items={items}
                    onAction={(key) => navigate(`audit/${String(key)}`)}
                  >
                    {(entry: Entry) => (
                      <GridListItem
                        id={entry.index}
                        textValue={`${entry.action} ${entry.outcome} ${partyText(entry.actor)}`}
                        className="request-row audit-row"
                      >
                        <span>
                          <Time ms={Date.parse(entry.at)} />
                        </span>
                        <span className="mono second">{entry.action}</span>
                        <span>
                          <span className={`badge ${entry.outcome}`}>{entry.outcome}</span>
                        </span>
                        <span className="wide">
                          <Stranger text={partyText(entry.actor)} />
                        </span>
                        <span className="wide">
                          <Stranger text={partyText(entry.target)} />
                        </span>
                        <span className="wide soft">
                          <Stranger text={detailOf(entry)} />
                        </span>
                        <span className="num wide soft">{entry.index}</span>
                      </GridListItem>
                    )}
                  </GridList>
                </Virtualizer>
                {(next !== null || cursor !== undefined) && (
                  <div className="panel-body row">
                    {cursor !== undefined && <Action onPress={() => change({ cursor: '' })}>Newest</Action>}
                    {next !== null && <Action onPress={() => change({ cursor: next })}>Older</Action>}
                  </div>
                )}
              </>
            )
          }
        </Shown>
      </Panel>
    </>
  );
}

function Proved({ index }: { readonly index: string }) {
  const found = useResource('proveEntry', { params: { index } });
  return (
    <>
      <PageHead title={`Entry ${index}`} about={found.data?.entry.action}>
        <a className="button" href={hrefOf('audit')}>
          The trail
        </a>
      </PageHead>
      <Shown of={found} lines={10}>
        {(proof) => <EntryWithProof proof={proof} />}
      </Shown>
    </>
  );
}

function EntryWithProof({ proof }: { readonly proof: Proof }) {
  const [steps, setSteps] = useState<readonly ProofStep[] | null>(null);
  const [problem, setProblem] = useState('');
  useEffect(() => {
    setSteps(null);
    verifyProof(proof).then(setSteps, (error: Error) => setProblem(error.message));
  }, [proof]);
  const { entry } = proof;
  const holds = steps?.every(({ ok }) => ok) === true;
  return (
    <div className="grid">
      <Panel title="What happened" span={6}>
        <dl className="facts">
          <dt>Time</dt>
          <dd>
            <Time ms={Date.parse(entry.at)} />
          </dd>
          <dt>Action</dt>
          <dd className="mono">{entry.action}</dd>
          <dt>Outcome</dt>
          <dd>
            <span className={`badge ${entry.outcome}`}>{entry.outcome}</span>
          </dd>
          <dt>Actor</dt>
          <dd>
            <Stranger text={partyText(entry.actor)} />
          </dd>
          <dt>Target</dt>
          <dd>
            <Stranger text={partyText(entry.target)} />
          </dd>
          <dt>Address</dt>
          <dd>
            <Stranger text={entry.address} />
          </dd>
          <dt>Reason</dt>
          <dd>
            <Stranger text={entry.reason} />
          </dd>
          {entry.requestId !== '' && (
            <>
              <dt>Request</dt>
              <dd className="mono">
                <a href={hrefOf(`requests/${entry.requestId}`)}>{entry.requestId}</a>
              </dd>
            </>
          )}
          <dt>Details</dt>
          <dd className="mono">
            <Stranger text={JSON.stringify(entry.details)} />
          </dd>
        </dl>
      </Panel>
      <Panel title="Proof, checked in this browser" span={6}>
        <div className="stack">
          {problem !== '' && <div className="note-box bad">It could not be checked: {problem}</div>}
          {steps === null ? (
            problem === '' && <p role="status">Checking…</p>
          ) : (
            <>
              <div className={`note-box ${holds ? 'good' : 'bad'}`} role="status">
                <strong>{holds ? 'The proof holds' : 'The proof does not hold'}</strong>
                <span>
                  {holds
                    ? 'This entry is in the tree that the key has signed.'
                    : 'This entry is not what was signed: keep it, and look at the trail on disk.'}
                </span>
              </div>
              <ul className="check-list">
                {steps.map(({ text, value, ok }) => (
                  <li key={text}>
                    <span className={ok ? 'ok' : 'bad'}>{ok ? '✓' : '✕'}</span>
                    <div>
                      {text}
                      <div className="mono soft stranger">{value}</div>
                    </div>
                  </li>
                ))}
              </ul>
              <p className="small soft">
                Compare the key with one that you keep elsewhere: <code>gatewright audit verify</code> and
                witnesses do the same for the whole trail.
              </p>
            </>
          )}
        </div>
      </Panel>
    </div>
  );
}
