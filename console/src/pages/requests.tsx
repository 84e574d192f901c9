// Requests: a list of tens of thousands that stays fast, filters that are part of the address, and one of them explained.
import { useCallback, useEffect, useRef, useState } from 'react';
import { GridList, GridListItem, GridListLoadMoreItem, ListLayout, Virtualizer } from 'react-aria-components';
import { ApiError, call } from '../api.ts';
import {
  Action,
  Empty,
  Failed,
  Loading,
  PageHead,
  Panel,
  Stranger,
  Time,
  Verdict,
} from '../components/basic.tsx';
import { Choice, Field } from '../components/forms.tsx';
import { milliseconds, number } from '../format.ts';
import type { RequestRow } from '../live.ts';
import { navigate } from '../router.ts';
import { ExplainedRequest } from './explained-request.tsx';

const PAGE = 500;
const names = [
  'text',
  'decision',
  'status',
  'consumer',
  'address',
  'api',
  'operation',
  'guard',
  'code',
  'rule',
  'fromMs',
  'untilMs',
] as const;
type Filter = Readonly<Record<string, string>>;

export default function RequestsPage({
  parts,
  query,
}: {
  readonly parts: readonly string[];
  readonly query: Filter;
}) {
  return parts[0] === undefined ? <RequestList query={query} /> : <ExplainedRequest id={parts[0]} />;
}

interface Listed {
  readonly items: readonly RequestRow[];
  readonly next: string | null;
  readonly source: string;
  readonly scanned: number;
  readonly error?: ApiError;
  readonly isLoading: boolean;
}

/** Pages of requests, one after the other as somebody scrolls. */
function useRequests(filter: Filter): Listed & { more(): void; reload(): void } {
  const [state, setState] = useState<Listed>({
    items: [],
    next: null,
    source: '',
    scanned: 0,
    isLoading: true,
  });
  const [turn, setTurn] = useState(0);
  const key = JSON.stringify(filter);
  const reading = useRef(false);
  const read = useCallback(
    async (cursor: string | undefined, signal?: AbortSignal) => {
      if (reading.current && cursor !== undefined) return;
      reading.current = true;
      try {
        const asked = JSON.parse(key) as Filter;
        const { data } = await call('listRequests', {
          query: { ...asked, cursor, limit: PAGE },
          ...(signal === undefined ? {} : { signal }),
        });
        setState((before) => ({
          items: cursor === undefined ? data.items : [...before.items, ...data.items],
          next: data.next,
          source: data.source,
          scanned: (cursor === undefined ? 0 : before.scanned) + data.scanned,
          isLoading: false,
        }));
      } catch (error) {
        if (error instanceof ApiError) setState((before) => ({ ...before, error, isLoading: false }));
      }
      reading.current = false;
    },
    [key],
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: the turn asks again
  useEffect(() => {
    const stop = new AbortController();
    setState((before) => ({
      items: before.items,
      next: null,
      source: before.source,
      scanned: before.scanned,
      isLoading: true,
    }));
    void read(undefined, stop.signal);
    return () => stop.abort();
  }, [read, turn]);
  return {
    ...state,
    more: () => {
      if (state.next !== null) void read(state.next);
    },
    reload: () => setTurn((count) => count + 1),
  };
}

function RequestList({ query }: { readonly query: Filter }) {
  const filter = Object.fromEntries(
    Object.entries(query).filter(([name]) => (names as readonly string[]).includes(name)),
  );
  const found = useRequests(filter);
  const [text, setText] = useState(query['text'] ?? '');
  const change = (part: Filter): void => navigate('requests', { ...filter, ...part }, true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: typing asks when it pauses
  useEffect(() => {
    if (text === (query['text'] ?? '')) return;
    const timer = setTimeout(() => change({ text }), 250);
    return () => clearTimeout(timer);
  }, [text]);
  const others = Object.entries(filter).filter(([name]) => !['text', 'decision', 'status'].includes(name));
  return (
    <>
      <PageHead
        title="Requests"
        about={
          found.isLoading
            ? 'Looking…'
            : `${number(found.items.length)}${found.next === null ? '' : ' and more'} of ${number(found.scanned)} looked at${found.source === 'archive' ? ', from the archive' : ''}`
        }
      >
        <Action onPress={found.reload}>Refresh</Action>
      </PageHead>
      <div className="row">
        <div className="grow" style={{ minWidth: 220 }}>
          <Field
            label="Search"
            type="search"
            value={text}
            onChange={setText}
            placeholder="Path, caller, address, user agent, id…"
          />
        </div>
        <Choice
          label="Verdict"
          value={filter['decision'] ?? ''}
          onChange={(decision) => change({ decision })}
          options={[
            ['', 'Any verdict'],
            ['allowed', 'Allowed'],
            ['refused', 'Refused'],
            ['failed', 'Failed'],
            ['answered', 'Answered by the gate'],
          ]}
        />
        <Choice
          label="Status"
          value={filter['status'] ?? ''}
          onChange={(status) => change({ status })}
          options={[
            ['', 'Any status'],
            ['2xx', '2xx'],
            ['4xx', '4xx'],
            ['401', '401'],
            ['403', '403'],
            ['404', '404'],
            ['429', '429'],
            ['5xx', '5xx'],
          ]}
        />
      </div>
      {others.length > 0 && (
        <div className="row">
          {others.map(([name, value]) => (
            <Action
              key={name}
              small
              onPress={() => change({ [name]: '' })}
              aria-label={`Remove the filter ${name}`}
            >
              {name}: <Stranger text={value} /> ✕
            </Action>
          ))}
        </div>
      )}
      <Panel flush>
        <div className="request-head" aria-hidden="true">
          <span>Time</span>
          <span>Verdict</span>
          <span>Status</span>
          <span>Request</span>
          <span>Caller</span>
          <span>Why</span>
          <span className="num">Took</span>
        </div>
        {found.error !== undefined && found.items.length === 0 ? (
          <Failed error={found.error} retry={found.reload} />
        ) : found.isLoading && found.items.length === 0 ? (
          <Loading lines={10} />
        ) : found.items.length === 0 ? (
          <Empty title="No request matches">
            <span>
              The newest 20,000 are remembered here; older ones are searched where the access log goes to
              segments.
            </span>
          </Empty>
        ) : (
          <Rows items={found.items} more={found.more} hasMore={found.next !== null} />
        )}
      </Panel>
    </>
  );
}

function Rows({
  items,
  more,
  hasMore,
}: {
  readonly items: readonly RequestRow[];
  readonly more: () => void;
  readonly hasMore: boolean;
}) {
  const isNarrow = matchMedia('(max-width: 760px)').matches;
  return (
    <Virtualizer layout={ListLayout} layoutOptions={{ rowSize: isNarrow ? 62 : 40 }}>
      <GridList
        className="request-list"
        aria-label="Requests"
        onAction={(key) => navigate(`requests/${String(key)}`)}
      >
        {items.map((request) => (
          <GridListItem
            key={request.id}
            id={request.id}
            textValue={`${request.decision} ${request.status} ${request['path'] ?? ''}`}
            className="request-row"
          >
            <Row request={request} />
          </GridListItem>
        ))}
        {hasMore && <GridListLoadMoreItem onLoadMore={more} className="soft small panel-body" />}
      </GridList>
    </Virtualizer>
  );
}

export function Row({ request }: { readonly request: RequestRow }) {
  return (
    <>
      <span>
        <Time ms={Date.parse(request.time)} form="clock" />
      </span>
      <span>
        <Verdict decision={request.decision} />
      </span>
      <span>{request.status}</span>
      <span className="mono second">
        <Stranger text={`${request['method'] ?? '–'} ${request['path'] ?? ''}`} />
      </span>
      <span className="wide">
        <Stranger text={String(request['consumer'] ?? request['client_address'] ?? '')} />
      </span>
      <span className="wide soft">
        <Stranger text={request['code'] === undefined ? '' : String(request['code'])} />
      </span>
      <span className="num wide">{milliseconds(Number(request['duration_us']) / 1000)}</span>
    </>
  );
}
