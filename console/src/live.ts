// The stream of server-sent events, one for each filter that is looked at.
import { useEffect, useRef, useState } from 'react';
import type { z } from 'zod';
import type { bucket, requestRow } from '../../src/admin-api/schemas.ts';
import { urlOf } from './api.ts';

export type Bucket = z.output<typeof bucket>;
export type RequestRow = z.output<typeof requestRow>;

export interface LiveView {
  readonly isOpen: boolean;
  readonly tick: Bucket | undefined;
  /** Newest first. */
  readonly requests: readonly RequestRow[];
  readonly missed: number;
}

/** Requests that a live view keeps. */
const KEPT = 200;
const nothing: LiveView = { isOpen: false, tick: undefined, requests: [], missed: 0 };

export function useLive(query: Readonly<Record<string, string | undefined>>, isPaused: boolean): LiveView {
  const [view, setView] = useState<LiveView>(nothing);
  const paused = useRef(isPaused);
  paused.current = isPaused;
  const url = urlOf('live', {}, query);
  useEffect(() => {
    setView(nothing);
    const source = new EventSource(url);
    source.addEventListener('open', () => setView((before) => ({ ...before, isOpen: true })));
    source.addEventListener('error', () => setView((before) => ({ ...before, isOpen: false })));
    source.addEventListener('tick', (event) => {
      const tick = JSON.parse((event as MessageEvent<string>).data) as Bucket;
      setView((before) => ({ ...before, isOpen: true, tick }));
    });
    source.addEventListener('requests', (event) => {
      if (paused.current) return;
      const { items, missed } = JSON.parse((event as MessageEvent<string>).data) as {
        items: RequestRow[];
        missed: number;
      };
      setView((before) => ({
        ...before,
        requests: [...items.reverse(), ...before.requests].slice(0, KEPT),
        missed: before.missed + missed,
      }));
    });
    return () => source.close();
  }, [url]);
  return view;
}
