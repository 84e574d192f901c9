// Incidents: what detection made of many requests, with its evidence, what was done about it, and a way to respond and to take it back.
import type { z } from 'zod';
import type { incident as incidentSchema } from '../../../src/admin-api/schemas.ts';
import { Empty, PageHead, Panel, Shown, Stranger, Time } from '../components/basic.tsx';
import { Segments } from '../components/forms.tsx';
import { hrefOf, navigate } from '../router.ts';
import { useResource } from '../use-resource.ts';
import { IncidentDetail } from './incident-detail.tsx';

export type Incident = z.output<typeof incidentSchema>;

const kinds: Readonly<Record<Incident['priority'], string>> = {
  low: '',
  medium: 'warn',
  high: 'refused',
  critical: 'failed',
};

export const Priority = ({ of }: { readonly of: Incident['priority'] }) => (
  <span className={`badge ${kinds[of]}`}>{of}</span>
);

export default function IncidentsPage({
  parts,
  query,
}: {
  readonly parts: readonly string[];
  readonly query: Readonly<Record<string, string>>;
}) {
  return parts[0] === undefined ? (
    <IncidentList status={query['status'] ?? ''} />
  ) : (
    <IncidentDetail id={parts[0]} />
  );
}

function IncidentList({ status }: { readonly status: string }) {
  const list = useResource('listIncidents', { query: { status, limit: 200 } }, 3000);
  return (
    <>
      <PageHead title="Incidents" about="Alerts about the same trouble, told once; newest first">
        <Segments
          label="Status"
          value={status === '' ? 'all' : status}
          onChange={(value) => navigate('incidents', { status: value === 'all' ? '' : value }, true)}
          options={[
            ['all', 'All'],
            ['open', 'Open'],
            ['acknowledged', 'Acknowledged'],
            ['closed', 'Closed'],
          ]}
        />
      </PageHead>
      <Panel flush>
        <Shown of={list}>
          {({ items, isOn }) =>
            items.length === 0 ? (
              <Empty title={isOn ? 'No incidents' : 'Detection is not configured'}>
                <span>
                  {isOn
                    ? 'Nothing odd enough has happened.'
                    : 'Add “detect: {}” to the configuration; it needs the state.'}
                </span>
              </Empty>
            ) : (
              <table className="plain cards">
                <thead>
                  <tr>
                    <th>Priority</th>
                    <th>What</th>
                    <th>Status</th>
                    <th>Opened</th>
                    <th>Last</th>
                    <th>Assigned</th>
                    <th className="num">Done</th>
                  </tr>
                </thead>
                <tbody>
                  {items.map((one) => (
                    <tr key={one.id}>
                      <td data-label="Priority">
                        <Priority of={one.priority} />
                      </td>
                      <td data-label="What">
                        <div>
                          <a href={hrefOf(`incidents/${one.id}`)}>
                            <Stranger text={one.title} />
                          </a>
                          <div className="soft small">
                            {[...new Set(one.alerts.map(({ detector }) => detector))].join(', ')}
                          </div>
                        </div>
                      </td>
                      <td data-label="Status">
                        <span className={`badge ${one.status === 'open' ? 'refused' : ''}`}>
                          {one.verdict ?? one.status}
                        </span>
                      </td>
                      <td data-label="Opened">
                        <Time ms={one.openedMs} form="ago" />
                      </td>
                      <td data-label="Last">
                        <Time ms={one.updatedMs} form="ago" />
                      </td>
                      <td data-label="Assigned">
                        <Stranger text={one.assignee} />
                      </td>
                      <td className="num" data-label="Done">
                        {one.actions.filter(({ state }) => state === 'done').length}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            )
          }
        </Shown>
      </Panel>
    </>
  );
}
