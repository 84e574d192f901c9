// Limits: what is configured, and who met it in the last hour.
import { useState } from 'react';
import type { z } from 'zod';
import type { limitsView } from '../../../src/admin-api/schemas.ts';
import { ApiError, call } from '../api.ts';
import { BanDialog } from '../components/ban-dialog.tsx';
import { Action, Bars, Empty, PageHead, Panel, Shown, Stranger, Time } from '../components/basic.tsx';
import { duration, number } from '../format.ts';
import { hrefOf } from '../router.ts';
import { useSession } from '../session.tsx';
import { useResource } from '../use-resource.ts';

type Limit = z.output<typeof limitsView>['limits'][number];

/** `50 per s`, `10,000 bytes a day`, `4 at once`. */
function amountOf({ count, unit, kind, period, periodMs }: Limit): string {
  const amount = unit === 'bytes' ? `${number(count)} bytes` : number(count);
  if (kind === 'concurrent') return `${amount} at once`;
  return period === null ? `${amount} per ${duration(periodMs)}` : `${amount} a ${period}`;
}

export default function LimitsPage() {
  const limits = useResource('getLimits', {}, 5000);
  return (
    <>
      <PageHead
        title="Limits"
        about="Bans, rate limits and address lists, and who met them in the last hour"
      />
      <Bans />
      <Shown of={limits}>
        {(data) => {
          const lists = data.lists.filter(({ allow, deny }) => allow.length + deny.length > 0);
          return (
            <>
              <div className="grid">
                <Panel title="Operations with too many requests" span={6} flush>
                  <Bars
                    empty="No limit was met"
                    items={data.refusals.map((one) => ({
                      ...one,
                      href: hrefOf('requests', { code: 'rate-limited', operation: one.name.split('/')[1] }),
                    }))}
                  />
                </Panel>
                <Panel title="Callers with too many requests" span={6} flush>
                  <Bars
                    empty="No limit was met"
                    items={data.callers.map((one) => ({
                      ...one,
                      href: hrefOf('requests', { code: 'rate-limited', text: one.name }),
                    }))}
                  />
                </Panel>
              </div>
              <Panel title="Rate limits" flush>
                {data.limits.length === 0 ? (
                  <Empty title="There are none" />
                ) : (
                  <table className="plain cards">
                    <thead>
                      <tr>
                        <th>API</th>
                        <th>Operation</th>
                        <th>Counted per</th>
                        <th className="num">Rate</th>
                        <th className="num">Burst</th>
                        <th>Shared with</th>
                      </tr>
                    </thead>
                    <tbody>
                      {data.limits.map((one) => (
                        <tr key={`${one.api}/${one.operation}/${one.name}`}>
                          <td data-label="API">{one.api}</td>
                          <td data-label="Operation">
                            <a href={hrefOf('requests', { api: one.api, operation: one.operation })}>
                              {one.operation}
                            </a>
                          </td>
                          <td data-label="Counted per">{one.per}</td>
                          <td className="num" data-label="Rate">
                            {amountOf(one)}
                          </td>
                          <td className="num" data-label="Burst">
                            {number(one.burst)}
                          </td>
                          <td data-label="Shared with">
                            {one.scope === 'api' ? 'all operations of the API' : 'nothing'}
                          </td>
                        </tr>
                      ))}
                    </tbody>
                  </table>
                )}
              </Panel>
              <Panel title="Address lists" flush>
                {lists.length === 0 ? (
                  <Empty title="Every address is admitted" />
                ) : (
                  <table className="plain cards">
                    <thead>
                      <tr>
                        <th>API</th>
                        <th>Admitted alone</th>
                        <th>Never admitted</th>
                      </tr>
                    </thead>
                    <tbody>
                      {lists.map(({ api, allow, deny }) => (
                        <tr key={api}>
                          <td data-label="API">{api}</td>
                          <td className="mono" data-label="Admitted alone">
                            {allow.join(', ') || 'anybody'}
                          </td>
                          <td className="mono" data-label="Never admitted">
                            {deny.join(', ') || 'nobody'}
                          </td>
                        </tr>
                      ))}
                    </tbody>
                  </table>
                )}
              </Panel>
            </>
          );
        }}
      </Shown>
    </>
  );
}

function Bans() {
  const { may } = useSession();
  const bans = useResource('listBans', {}, 3000);
  const [isAdding, setAdding] = useState(false);
  const [problem, setProblem] = useState('');
  const lift = async (block: string): Promise<void> => {
    setProblem('');
    try {
      await call('removeBan', { query: { block } });
    } catch (error) {
      setProblem(error instanceof ApiError ? error.message : String(error));
    }
    bans.reload();
  };
  return (
    <Panel
      title="Bans"
      flush
      action={
        may('bans:write') && (
          <Action small onPress={() => setAdding(true)}>
            Ban an address
          </Action>
        )
      }
    >
      {problem !== '' && (
        <div className="note-box bad" role="alert">
          {problem}
        </div>
      )}
      <Shown of={bans} lines={2}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="Nobody is banned" />
          ) : (
            <table className="plain cards">
              <thead>
                <tr>
                  <th>Address</th>
                  <th>Reason</th>
                  <th>By</th>
                  <th>Until</th>
                  <th>
                    <span className="visually-hidden">Actions</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {items.map(({ block, reason, by, untilMs }) => (
                  <tr key={block}>
                    <td className="mono" data-label="Address">
                      <a href={hrefOf('requests', { address: block.replace(/\/(?:32|128)$/, '') })}>
                        {block}
                      </a>
                    </td>
                    <td data-label="Reason">
                      <Stranger text={reason} />
                    </td>
                    <td data-label="By">
                      <Stranger text={by} />
                    </td>
                    <td data-label="Until">
                      <Time ms={untilMs} />
                    </td>
                    <td>
                      {may('bans:write') && (
                        <Action
                          small
                          onPress={() => void lift(block)}
                          aria-label={`Lift the ban of ${block}`}
                        >
                          Lift
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
      {isAdding && (
        <BanDialog
          onClose={() => setAdding(false)}
          onDone={() => {
            setAdding(false);
            bans.reload();
          }}
        />
      )}
    </Panel>
  );
}
