// The small parts: panels, states, times, text of strangers.
import type { ReactNode } from 'react';
import { Button, type ButtonProps } from 'react-aria-components';
import type { ApiError } from '../api.ts';
import { ago, moment, timeOfDay, utc, visible } from '../format.ts';

type Kind = 'primary' | 'danger' | 'quiet' | '';

export function Action({
  kind = '',
  small = false,
  ...rest
}: ButtonProps & { readonly kind?: Kind; readonly small?: boolean }) {
  return <Button {...rest} className={`button ${kind} ${small ? 'small' : ''}`} />;
}

export function Panel({
  title,
  action,
  children,
  span = 12,
  flush = false,
}: {
  readonly title?: ReactNode;
  readonly action?: ReactNode;
  readonly children: ReactNode;
  readonly span?: 3 | 4 | 5 | 6 | 7 | 8 | 12;
  /** Without room around the content, for lists and tables. */
  readonly flush?: boolean;
}) {
  return (
    <section className={`panel span-${span}`}>
      {title !== undefined && (
        <div className="panel-head">
          <h2 className="grow">{title}</h2>
          {action}
        </div>
      )}
      <div className={flush ? '' : 'panel-body'}>{children}</div>
    </section>
  );
}

export function PageHead({
  title,
  children,
  about,
}: {
  readonly title: string;
  readonly about?: ReactNode;
  readonly children?: ReactNode;
}) {
  return (
    <header className="page-head">
      <div className="grow">
        <h1>{title}</h1>
        {about !== undefined && <p>{about}</p>}
      </div>
      {children}
    </header>
  );
}

export function Loading({ lines = 5 }: { readonly lines?: number }) {
  return (
    <div className="panel-body stack" role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, at) => `line ${at}`).map((line, at) => (
        <div key={line} className="skeleton" style={{ width: `${92 - ((at * 17) % 45)}%` }} />
      ))}
    </div>
  );
}

export function Empty({ title, children }: { readonly title: string; readonly children?: ReactNode }) {
  return (
    <div className="state">
      <strong>{title}</strong>
      {children}
    </div>
  );
}

export function Failed({ error, retry }: { readonly error: ApiError; readonly retry?: () => void }) {
  const isForbidden = error.status === 403;
  return (
    <div className="state" role="alert">
      <strong>{isForbidden ? 'Your role does not include this' : 'This could not be read'}</strong>
      <span>
        {isForbidden
          ? `${error.message} An administrator can change your role under Settings.`
          : error.message}
      </span>
      {!isForbidden && retry !== undefined && <Action onPress={retry}>Try again</Action>}
    </div>
  );
}

/** What a resource is worth showing as: loading, failed, or its data. */
export function Shown<T>({
  of,
  children,
  lines = 5,
}: {
  readonly of: { readonly data: T | undefined; readonly error: ApiError | undefined; reload(): void };
  readonly children: (data: NonNullable<T>) => ReactNode;
  readonly lines?: number;
}) {
  if (of.data !== undefined && of.data !== null) return children(of.data);
  if (of.error !== undefined) return <Failed error={of.error} retry={of.reload} />;
  return <Loading lines={lines} />;
}

/** Local time, UTC on hover. */
export function Time({
  ms,
  form = 'moment',
}: {
  readonly ms: number | null;
  readonly form?: 'moment' | 'clock' | 'ago';
}) {
  if (ms === null || ms === 0) return <span className="soft">–</span>;
  const text = form === 'clock' ? timeOfDay(ms) : form === 'ago' ? ago(ms) : moment(ms);
  return (
    <time dateTime={new Date(ms).toISOString()} title={utc(ms)} className="nowrap">
      {text}
    </time>
  );
}

/** Text that came from outside: as it is, with what can not be seen made visible. */
export function Stranger({
  text,
  mono = false,
}: {
  readonly text: string | undefined;
  readonly mono?: boolean;
}) {
  if (text === undefined || text === '') return <span className="soft">–</span>;
  return <bdi className={`stranger ${mono ? 'mono' : ''}`}>{visible(text)}</bdi>;
}

export function Verdict({ decision }: { readonly decision: string }) {
  return <span className={`badge ${decision}`}>{decision}</span>;
}

export function Scopes({
  scopes,
  none = 'none',
}: {
  readonly scopes: readonly string[];
  readonly none?: string;
}) {
  if (scopes.length === 0) return <span className="soft">{none}</span>;
  return (
    <span className="chip-list">
      {scopes.map((scope) => (
        <span key={scope} className="badge outline">
          {scope}
        </span>
      ))}
    </span>
  );
}

export function Score({ value }: { readonly value: number }) {
  const color = value >= 85 ? 'var(--allowed)' : value >= 60 ? 'var(--warn)' : 'var(--refused)';
  return (
    <span className="score" title={`Posture ${value} of 100`}>
      <svg viewBox="0 0 52 52" aria-hidden="true">
        <circle cx="26" cy="26" r="22" fill="none" stroke="var(--line)" strokeWidth="5" />
        <circle
          cx="26"
          cy="26"
          r="22"
          fill="none"
          stroke={color}
          strokeWidth="5"
          strokeLinecap="round"
          strokeDasharray={`${(value / 100) * 138.2} 138.2`}
          transform="rotate(-90 26 26)"
        />
      </svg>
      {value}
    </span>
  );
}

export interface Bar {
  readonly name: string;
  readonly requests: number;
  readonly refused: number;
  readonly href?: string;
  readonly note?: string;
}

/** Names with bars: the whole is all requests, the coloured end those that were refused. */
export function Bars({ items, empty }: { readonly items: readonly Bar[]; readonly empty: string }) {
  if (items.length === 0) return <Empty title={empty} />;
  const most = Math.max(...items.map((item) => item.requests), 1);
  return (
    <ul className="bars">
      {items.map(({ name, requests, refused, href, note }) => (
        <li key={name}>
          {href === undefined ? (
            <span className="name">
              <Stranger text={name} />
            </span>
          ) : (
            <a href={href} title={note ?? name}>
              <Stranger text={name} />
              {note !== undefined && note !== '' && <span className="soft small"> {visible(note)}</span>}
            </a>
          )}
          <span className="count">{requests.toLocaleString('en')}</span>
          <span className="bar" aria-hidden="true">
            <svg viewBox="0 0 100 5" preserveAspectRatio="none" aria-hidden="true">
              <rect width={(100 * requests) / most} height="5" fill="var(--chart-1)" />
              <rect
                x={(100 * (requests - refused)) / most}
                width={(100 * refused) / most}
                height="5"
                fill="var(--chart-2)"
              />
            </svg>
          </span>
        </li>
      ))}
    </ul>
  );
}
