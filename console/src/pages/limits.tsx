// Limits: what is configured, and who met it in the last hour.
import { Bars, Empty, PageHead, Panel, Shown } from '../components/basic.tsx';
import { duration, number } from '../format.ts';
import { hrefOf } from '../router.ts';
import { useResource } from '../use-resource.ts';

export default function LimitsPage() {
  const limits = useResource('getLimits', {}, 5000);
  return (
    <>
      <PageHead
        title="Limits"
        about="Rate limits and address lists of the configuration, and who met them in the last hour"
      />
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
                            {number(one.count)} per {duration(one.periodMs)}
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
