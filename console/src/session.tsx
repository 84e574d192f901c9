// Who is signed in, and what they may do, for every component.
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from 'react';
import type { z } from 'zod';
import type { Permission } from '../../src/admin-api/permissions.ts';
import type { session as sessionSchema } from '../../src/admin-api/schemas.ts';
import { ApiError, call, whenSignedOut } from './api.ts';

export type Session = z.output<typeof sessionSchema>;

interface SessionState {
  /** Undefined while it is asked for, null when nobody is signed in. */
  readonly session: Session | null | undefined;
  readonly problem: string;
  may(permission: Permission): boolean;
  refresh(): Promise<void>;
  signOut(): Promise<void>;
}

const Context = createContext<SessionState | null>(null);

export function SessionProvider({ children }: { readonly children: ReactNode }) {
  const [session, setSession] = useState<Session | null | undefined>(undefined);
  const [problem, setProblem] = useState('');
  const refresh = useCallback(async () => {
    try {
      setSession((await call('getSession')).data);
      setProblem('');
    } catch (error) {
      setSession(null);
      const { status, message } = error as ApiError;
      setProblem(error instanceof ApiError && status === 401 ? '' : message);
    }
  }, []);
  useEffect(() => {
    whenSignedOut(() => setSession(null));
    void refresh();
  }, [refresh]);
  const value = useMemo<SessionState>(
    () => ({
      session,
      problem,
      may: (permission) => session?.permissions.includes(permission) === true,
      refresh,
      signOut: async () => {
        await call('endSession').catch(() => undefined);
        setSession(null);
      },
    }),
    [session, problem, refresh],
  );
  return <Context.Provider value={value}>{children}</Context.Provider>;
}

export function useSession(): SessionState {
  const found = useContext(Context);
  if (found === null) throw new Error('there is no session around this');
  return found;
}
