// Where somebody is, in the fragment: every view with its filters has an address that can be sent to a colleague, and none of it
// reaches a server's log.
import { useSyncExternalStore } from 'react';

export interface Place {
  /** Without slashes at the ends, for instance `requests/4711`. */
  readonly path: string;
  readonly parts: readonly string[];
  readonly query: Readonly<Record<string, string>>;
}

function parse(hash: string): Place {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const parts = path
    .split('/')
    .filter((part) => part !== '')
    .map((part) => {
      try {
        return decodeURIComponent(part);
      } catch {
        return part;
      }
    });
  return { path: parts.join('/'), parts, query: Object.fromEntries(new URLSearchParams(search)) };
}

let current = parse(location.hash);
const listeners = new Set<() => void>();
window.addEventListener('hashchange', () => {
  current = parse(location.hash);
  for (const listener of listeners) listener();
});

const subscribe = (listener: () => void): (() => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

export const usePlace = (): Place => useSyncExternalStore(subscribe, () => current);

export type Query = Readonly<Record<string, string | number | undefined>>;

export function hrefOf(path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== undefined && value !== '') search.set(name, String(value));
  const text = search.toString();
  const encoded = path.split('/').map(encodeURIComponent).join('/');
  return `#/${encoded}${text === '' ? '' : `?${text}`}`;
}

export function navigate(path: string, query: Query = {}, replace = false): void {
  const href = hrefOf(path, query);
  if (replace) {
    history.replaceState(null, '', href);
    current = parse(href);
    for (const listener of listeners) listener();
  } else location.hash = href;
}
