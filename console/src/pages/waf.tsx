// WAF: which rules matched and whom, and the narrowest exclusions for what may be false alarms, applied in one step.
import { useState } from 'react';
import type { z } from 'zod';
import type { wafView } from '../../../src/admin-api/schemas.ts';
import { call } from '../api.ts';
import { Action, Empty, PageHead, Panel, Shown, Stranger, Time } from '../components/basic.tsx';
import { ActDialog, Field } from '../components/forms.tsx';
import { number } from '../format.ts';
import { hrefOf } from '../router.ts';
import { useSession } from '../session.tsx';
import { useResource } from '../use-resource.ts';

type Waf = z.output<typeof wafView>;
type Proposal = Waf['proposals'][number];

export default function WafPage() {
  const { may } = useSession();
  const waf = useResource('getWaf', { query: { minMatches: 1 } }, 5000);
  const [chosen, setChosen] = useState<Proposal | null>(null);
  const [done, setDone] = useState('');
  return (
    <>
      <PageHead
        title="WAF"
        about="Rules that matched since the gate started, and exclusions that would quiet them"
      />
      {done !== '' && (
        <div className="note-box good" role="status">
          {done}
        </div>
      )}
      <Shown of={waf}>
        {({ rules, proposals, inspected, mayApply }) => (
          <>
            {inspected.length === 0 && (
              <div className="note-box warn">
                No operation is inspected: add “inspect: {'{ rules: [ builtin ] }'}” to an API.
              </div>
            )}
            <Panel
              title="Rules that matched"
              flush
              action={<span className="soft small">{inspected.length} operations are inspected</span>}
            >
              {rules.length === 0 ? (
                <Empty title="No rule has matched" />
              ) : (
                <table className="plain cards">
                  <thead>
                    <tr>
                      <th>Rule</th>
                      <th className="num">Matches</th>
                      <th className="num">Refused</th>
                      <th className="num">Clients</th>
                      <th>Operations</th>
                      <th>Last</th>
                    </tr>
                  </thead>
                  <tbody>
                    {rules.map((rule) => (
                      <tr key={rule.rule}>
                        <td data-label="Rule">
                          <div>
                            <a href={hrefOf('requests', { rule: rule.rule })}>
                              <code>{rule.rule}</code>
                            </a>{' '}
                            <Stranger text={rule.message} />
                          </div>
                        </td>
                        <td className="num" data-label="Matches">
                          {number(rule.matches)}
                        </td>
                        <td className="num" data-label="Refused">
                          {number(rule.refused)}
                        </td>
                        <td className="num" data-label="Clients">
                          {rule.clients}
                        </td>
                        <td data-label="Operations" className="small">
                          {rule.operations.join(', ')}
                        </td>
                        <td data-label="Last">
                          <a href={hrefOf(`requests/${rule.example}`)}>
                            <Time ms={rule.lastMs} form="ago" />
                          </a>
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              )}
            </Panel>
            <Panel
              title="Proposed exclusions"
              flush
              action={
                <span className="soft small">
                  an attack that many tried looks like a false alarm, too: look at the requests first
                </span>
              }
            >
              {proposals.length === 0 ? (
                <Empty title="Nothing to propose" />
              ) : (
                <table className="plain cards">
                  <thead>
                    <tr>
                      <th>Operation</th>
                      <th>Rule</th>
                      <th>Leaves out</th>
                      <th className="num">Matches</th>
                      <th className="num">Clients</th>
                      <th>
                        <span className="visually-hidden">Actions</span>
                      </th>
                    </tr>
                  </thead>
                  <tbody>
                    {proposals.map((one) => (
                      <tr key={one.id}>
                        <td data-label="Operation">
                          {one.api}/{one.operation}
                        </td>
                        <td data-label="Rule">
                          <div>
                            <code>{one.rule}</code> <span className="small soft">{one.message}</span>
                          </div>
                        </td>
                        <td data-label="Leaves out" className="mono">
                          <Stranger text={one.target} />
                        </td>
                        <td className="num" data-label="Matches">
                          {number(one.matches)}
                        </td>
                        <td className="num" data-label="Clients">
                          {one.clients}
                        </td>
                        <td>
                          <Action
                            small
                            onPress={() => setChosen(one)}
                            aria-label={`${may('waf:write') && mayApply ? 'Apply' : 'YAML of'} the exclusion of rule ${one.rule} for ${one.operation}`}
                          >
                            {may('waf:write') && mayApply ? 'Apply' : 'YAML'}
                          </Action>
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              )}
            </Panel>
            {chosen !== null && (
              <Exclude
                proposal={chosen}
                mayApply={mayApply && may('waf:write')}
                onClose={() => setChosen(null)}
                onDone={(text) => {
                  setChosen(null);
                  setDone(text);
                  waf.reload();
                }}
              />
            )}
          </>
        )}
      </Shown>
    </>
  );
}

function Exclude({
  proposal,
  mayApply,
  onClose,
  onDone,
}: {
  readonly proposal: Proposal;
  readonly mayApply: boolean;
  readonly onClose: () => void;
  readonly onDone: (text: string) => void;
}) {
  const { api, operation, rule, target, yaml, matches, clients } = proposal;
  const [reason, setReason] = useState('');
  return (
    <ActDialog
      title={`Exclude rule ${rule} for ${operation}`}
      isOpen
      act="Apply and reload"
      isReady={mayApply && reason.length >= 3}
      onClose={onClose}
      onAct={async () => {
        const { data } = await call('addExclusion', { body: { api, operation, rule, target, reason } });
        onDone(
          data.ok
            ? `Rule ${rule} leaves out ${target} of ${operation} from now on: generation ${data.generation} of the configuration.`
            : `The gate did not take it, and the file is as it was: ${data.problem || (data.diagnostics[0]?.message ?? '')}`,
        );
      }}
    >
      <p className="soft">
        {matches} matches of {clients} {clients === 1 ? 'client' : 'clients'}. This one rule will no longer
        look at this one place of this one operation.{' '}
        <a href={hrefOf('requests', { rule, operation })}>The requests</a>
      </p>
      <pre className="block">{yaml}</pre>
      {mayApply ? (
        <Field
          label="Why is it no attack?"
          value={reason}
          onChange={setReason}
          isRequired
          placeholder="Notes are prose and may hold quotes"
          hint="Goes into the configuration and the audit trail."
        />
      ) : (
        <div className="note-box">
          Merge this into the configuration; it can not be written from here, or your role does not include
          it.
        </div>
      )}
    </ActDialog>
  );
}
