// Signing in: a one-time link that sets a password, name and password, a second factor, or a passkey.
import { type FormEvent, useEffect, useState } from 'react';
import type { z } from 'zod';
import type { invitation as invitationSchema } from '../../../src/admin-api/schemas.ts';
import { ApiError, call } from '../api.ts';
import { Action } from '../components/basic.tsx';
import { Field } from '../components/forms.tsx';
import { Logo } from '../components/icons.tsx';
import { usePasskey } from '../passkey.ts';
import { navigate, usePlace } from '../router.ts';
import { useSession } from '../session.tsx';

type Invitation = z.output<typeof invitationSchema>;

export function SignInPage({ problem }: { readonly problem: string }) {
  const { parts } = usePlace();
  const token = parts[0] === 'enrol' ? (parts[1] ?? '') : '';
  return (
    <main className="sign-in">
      <div className="sign-in-card">
        <div className="row">
          <Logo />
          <strong>Gatewright</strong>
        </div>
        {problem !== '' && (
          <div className="note-box bad" role="alert">
            {problem}
          </div>
        )}
        {token === '' ? <SignIn /> : <Enrol token={token} />}
      </div>
    </main>
  );
}

/** Runs something that may fail, and says why. */
function useAttempt(): {
  readonly problem: string;
  readonly isBusy: boolean;
  attempt(work: () => Promise<void>): Promise<void>;
} {
  const [problem, setProblem] = useState('');
  const [isBusy, setBusy] = useState(false);
  return {
    problem,
    isBusy,
    attempt: async (work) => {
      setBusy(true);
      setProblem('');
      try {
        await work();
      } catch (error) {
        setProblem(error instanceof ApiError ? error.message : 'This did not work. Try again.');
      }
      setBusy(false);
    },
  };
}

const Problem = ({ text }: { readonly text: string }) =>
  text === '' ? null : (
    <div className="note-box bad" role="alert">
      {text}
    </div>
  );

function SignIn() {
  const { refresh } = useSession();
  const [user, setUser] = useState('');
  const [password, setPassword] = useState('');
  const [code, setCode] = useState('');
  const [factors, setFactors] = useState<readonly string[]>([]);
  const { problem, isBusy, attempt } = useAttempt();
  const passkey = usePasskey();

  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void attempt(async () => {
      if (factors.length > 0) {
        await call('signInCode', { body: { code } });
        return refresh();
      }
      const { data } = await call('signInPassword', { body: { user, password } });
      if (data.next === 'done') return refresh();
      setFactors(data.factors);
    });
  };
  const withPasskey = (): void =>
    void attempt(async () => {
      await passkey.signIn();
      await refresh();
    });

  return (
    <form onSubmit={submit}>
      <h1>{factors.length > 0 ? 'One more step' : 'Sign in'}</h1>
      {factors.length > 0 ? (
        <Field
          label="Code of your authenticator app"
          value={code}
          onChange={setCode}
          autoComplete="one-time-code"
          autoFocus
          isRequired
          hint={factors.includes('recovery') ? 'A recovery code does as well.' : 'Six digits.'}
        />
      ) : (
        <>
          <Field label="Name" value={user} onChange={setUser} autoComplete="username" autoFocus isRequired />
          <Field
            label="Password"
            type="password"
            value={password}
            onChange={setPassword}
            autoComplete="current-password"
            isRequired
          />
        </>
      )}
      <Problem text={problem} />
      <Action type="submit" kind="primary" isDisabled={isBusy}>
        {isBusy ? 'One moment…' : 'Sign in'}
      </Action>
      {passkey.isPossible && (factors.length === 0 || factors.includes('passkey')) && (
        <Action onPress={withPasskey} isDisabled={isBusy}>
          Use a passkey
        </Action>
      )}
      <p className="small soft">
        No account, or no password? An administrator makes a one-time link:{' '}
        <code>gatewright console invite</code>
      </p>
    </form>
  );
}

function Enrol({ token }: { readonly token: string }) {
  const { refresh } = useSession();
  const [found, setFound] = useState<Invitation | null>(null);
  const [password, setPassword] = useState('');
  const [again, setAgain] = useState('');
  const { problem, isBusy, attempt } = useAttempt();

  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each link
  useEffect(() => {
    void attempt(async () => setFound((await call('readInvitation', { body: { token } })).data));
  }, [token]);

  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void attempt(async () => {
      if (password !== again) throw new ApiError(400, 'body-invalid', 'The two passwords are not the same.');
      await call('enrol', { body: { token, password } });
      // The link is used up: nobody should come back to it.
      navigate('now', {}, true);
      await refresh();
    });
  };

  if (found === null)
    return (
      <>
        <h1>One-time link</h1>
        <Problem text={problem} />
        {problem !== '' && <a href="#/">Sign in instead</a>}
      </>
    );
  return (
    <form onSubmit={submit}>
      <h1>Welcome, {found.user}</h1>
      <p className="soft">
        Choose a password and you are in, as <strong>{found.role}</strong>. The link is then used up.
      </p>
      <input type="text" name="username" value={found.user} autoComplete="username" readOnly hidden />
      <Field
        label="Password"
        type="password"
        value={password}
        onChange={setPassword}
        autoComplete="new-password"
        hint="12 characters or more; a sentence is easy to remember."
        isRequired
        autoFocus
      />
      <Field
        label="The same again"
        type="password"
        value={again}
        onChange={setAgain}
        autoComplete="new-password"
        isRequired
      />
      <Problem text={problem} />
      <Action type="submit" kind="primary" isDisabled={isBusy}>
        {isBusy ? 'One moment…' : 'Set password and sign in'}
      </Action>
    </form>
  );
}
