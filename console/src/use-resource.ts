// Reads from the API for components: keeps what it has while it reads anew, so that nothing flickers.
import { useCallback, useEffect, useRef, useState } from 'react';
import { type AnswerOf, ApiError, type CallOptions, call, type OperationId } from './api.ts';

export interface Resource<T> {
  readonly data: T | undefined;
  readonly etag: string;
  readonly error: ApiError | undefined;
  /** Nothing is here yet. */
  readonly isLoading: boolean;
  reload(): void;
}

/** `refreshMs` 0 reads once. A change of the options reads anew. */
export function useResource<K extends OperationId>(
  id: K,
  options: Pick<CallOptions<K>, 'params' | 'query'> = {},
  refreshMs = 0,
): Resource<AnswerOf<K>> {
  const key = JSON.stringify([id, options.params, options.query]);
  const [state, setState] = useState<{ key: string; data?: AnswerOf<K>; etag: string; error?: ApiError }>({
    key,
    etag: '',
  });
  const [turn, setTurn] = useState(0);
  const latest = useRef(options);
  latest.current = options;

  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for the options, the turn asks again
  useEffect(() => {
    const stop = new AbortController();
    const read = async (): Promise<void> => {
      try {
        const { data, etag } = await call(id, { ...latest.current, signal: stop.signal });
        if (!stop.signal.aborted) setState({ key, data, etag });
      } catch (error) {
        if (stop.signal.aborted) return;
        const told = error instanceof ApiError ? error : new ApiError(0, 'unknown', (error as Error).message);
        setState((before) => ({ ...before, key, error: told }));
      }
    };
    void read();
    if (refreshMs === 0) return () => stop.abort();
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') void read();
    }, refreshMs);
    return () => {
      clearInterval(timer);
      stop.abort();
    };
  }, [key, refreshMs, turn]);

  const reload = useCallback(() => setTurn((count) => count + 1), []);
  return {
    data: state.data,
    etag: state.etag,
    error: state.error,
    isLoading: state.data === undefined && state.error === undefined,
    reload,
  };
}
