// APIs: what there is, how it is used, how well it is protected and what would raise that; and paths that no contract knows.
import { Empty, PageHead, Panel, Scopes, Score, Shown, Stranger, Time } from '../components/basic.tsx';
import { number, percent } from '../format.ts';
import { hrefOf } from '../router.ts';
import { useResource } from '../use-resource.ts';

export default function ApisPage({ parts }: { readonly parts: readonly string[] }) {
  return parts[0] === undefined ? <ApiList /> : <ApiDetail name={parts[0]} />;
}

function ApiList() {
  const apis = useResource('listApis', {}, 5000);
  return (
    <>
      <PageHead
        title="APIs"
        about="Inventory from the configuration and its contracts, seen together with traffic"
      />
      <Shown of={apis}>
        {({ items, undocumented, sinceMs }) => (
          <>
            <div className="grid">
              {items.length === 0 && (
                <Panel>
                  <Empty title="The configuration has no API of a service">
                    <code>gatewright init openapi.yaml --upstream http://localhost:3000</code>
                  </Empty>
                </Panel>
              )}
              {items.map((api) => (
                <Panel key={api.name} span={6}>
                  <div className="stack">
                    <div className="row">
                      <Score value={api.score} />
                      <div className="grow">
                        <h2>
                          <a href={hrefOf(`apis/${api.name}`)}>{api.title}</a>
                        </h2>
                        <div className="soft small">
                          {api.name} · {api.hosts.join(', ') || 'any host'}
                          {api.base} · to {api.upstream}
                        </div>
                      </div>
                    </div>
                    <div className="row small">
                      <span className="badge">{api.operations} operations</span>
                      <span className="badge">{number(api.requests)} requests</span>
                      <span className="badge">{percent(api.refused, api.requests)} refused</span>
                      {api.silent > 0 && (
                        <span className="badge warn" title={`Since ${new Date(sinceMs).toLocaleString()}`}>
                          {api.silent} without a request
                        </span>
                      )}
                    </div>
                    {api.findings.length > 0 && (
                      <ul className="small stack" style={{ gap: 4 }}>
                        {api.findings.slice(0, 3).map(({ id, text, points }) => (
                          <li key={id}>
                            <span className="badge warn">+{points}</span> {text}
                          </li>
                        ))}
                      </ul>
                    )}
                  </div>
                </Panel>
              ))}
            </div>
            <Panel
              title="Paths that no contract knows"
              flush
              action={
                <span className="soft small">
                  refused with 404: scanners, or an API that somebody forgot to describe
                </span>
              }
            >
              {undocumented.length === 0 ? (
                <Empty title="Nobody has asked for one" />
              ) : (
                <table className="plain cards">
                  <thead>
                    <tr>
                      <th>Path</th>
                      <th className="num">Requests</th>
                      <th className="num">Clients</th>
                      <th>Last</th>
                    </tr>
                  </thead>
                  <tbody>
                    {undocumented.map(({ method, path, requests, clients, lastMs }) => (
                      <tr key={`${method} ${path}`}>
                        <td className="mono" data-label="Path">
                          <a href={hrefOf('requests', { code: 'operation-unknown', text: path })}>
                            <Stranger text={`${method} ${path}`} />
                          </a>
                        </td>
                        <td className="num" data-label="Requests">
                          {number(requests)}
                        </td>
                        <td className="num" data-label="Clients">
                          {clients}
                        </td>
                        <td data-label="Last">
                          <Time ms={lastMs} form="ago" />
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              )}
            </Panel>
          </>
        )}
      </Shown>
    </>
  );
}

function ApiDetail({ name }: { readonly name: string }) {
  const found = useResource('getApi', { params: { api: name } }, 5000);
  return (
    <>
      <PageHead title={found.data?.api.title ?? name} about={<Stranger text={name} />}>
        <a className="button" href={hrefOf('apis')}>
          All APIs
        </a>
      </PageHead>
      <Shown of={found}>
        {({ api, operations }) => (
          <>
            <Panel title="Posture">
              <div className="row">
                <Score value={api.score} />
                <ul className="grow stack" style={{ gap: 6 }}>
                  {api.findings.length === 0 && <li>Nothing that the configuration could do better.</li>}
                  {api.findings.map(({ id, text, points }) => (
                    <li key={id}>
                      <span className="badge warn">+{points}</span> {text}
                    </li>
                  ))}
                </ul>
              </div>
            </Panel>
            <Panel title={`${operations.length} operations`} flush>
              <table className="plain cards">
                <thead>
                  <tr>
                    <th>Operation</th>
                    <th>Callers</th>
                    <th>Scopes and rules</th>
                    <th>Limits</th>
                    <th className="num">Requests</th>
                    <th className="num">Refused</th>
                    <th>Last</th>
                  </tr>
                </thead>
                <tbody>
                  {operations.map((one) => (
                    <tr key={one.operation}>
                      <td data-label="Operation">
                        <div>
                          <a href={hrefOf('requests', { api: name, operation: one.operation })}>
                            {one.operation}
                          </a>{' '}
                          {one.exposure === 'internal' && <span className="badge answered">internal</span>}{' '}
                          {one.requests === 0 && <span className="badge warn">no request</span>}
                          <div className="mono soft">
                            {one.method} {one.path}
                          </div>
                        </div>
                      </td>
                      <td data-label="Callers" className="small">
                        {one.callers.join('; ')}
                      </td>
                      <td data-label="Scopes and rules" className="small">
                        <div className="stack" style={{ gap: 4 }}>
                          <Scopes scopes={one.scopes} none="no scope" />
                          {one.rules.map((rule) => (
                            <span key={rule}>{rule}</span>
                          ))}
                        </div>
                      </td>
                      <td data-label="Limits" className="small">
                        {one.limits.join('; ') || 'none'}
                      </td>
                      <td className="num" data-label="Requests">
                        {number(one.requests)}
                      </td>
                      <td className="num" data-label="Refused">
                        {percent(one.refused, one.requests)}
                      </td>
                      <td data-label="Last">
                        <Time ms={one.lastMs} form="ago" />
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </Panel>
          </>
        )}
      </Shown>
    </>
  );
}
