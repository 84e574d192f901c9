// Policies: who can call what, and what rules and policies would say of a request that nobody has sent yet.
import { type FormEvent, useState } from 'react';
import type { z } from 'zod';
import type { policyView, simulationResult } from '../../../src/admin-api/schemas.ts';
import { ApiError, call } from '../api.ts';
import { Action, Empty, PageHead, Panel, Shown, Stranger } from '../components/basic.tsx';
import { Choice, Field } from '../components/forms.tsx';
import { useResource } from '../use-resource.ts';

type Policies = z.output<typeof policyView>;
type Result = z.output<typeof simulationResult>;

export default function PoliciesPage() {
  const found = useResource('getPolicies');
  return (
    <>
      <PageHead
        title="Policies"
        about="Who can call what, and a question to the rules before anybody asks it in earnest"
      />
      <Shown of={found}>
        {(data) => (
          <>
            <Panel
              title="Who can call what"
              flush
              action={
                <span className="soft small">
                  by scopes and roles; own objects and policies may still refuse
                </span>
              }
            >
              <Matrix data={data} />
            </Panel>
            <Panel title="Simulate a request">
              <Simulate data={data} />
            </Panel>
            {data.files.map(({ api, file, text }) => (
              <Panel key={`${api} ${file}`} title={`${file}, policies of ${api}`}>
                {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with keys */}
                <pre className="block" tabIndex={0}>
                  {text}
                </pre>
              </Panel>
            ))}
          </>
        )}
      </Shown>
    </>
  );
}

function Matrix({ data: { callers, operations } }: { readonly data: Policies }) {
  if (callers.length === 0)
    return (
      <Empty title="No caller is known by name">
        <span>Callers with tokens of an issuer bring their scopes along; see the simulation below.</span>
      </Empty>
    );
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with keys
    <section className="scroll-x" tabIndex={0} aria-label="Who can call what">
      <table className="matrix">
        <thead>
          <tr>
            <th scope="col">Caller</th>
            {operations.map(({ api, operation }) => (
              <th key={`${api}/${operation}`} scope="col">
                {operation}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {callers.map(({ id, kind, roles, scopes, may }) => (
            <tr key={id}>
              <th scope="row" title={scopes.join(' ')}>
                <Stranger text={id} /> <span className="soft small">{roles.join(', ') || kind}</span>
              </th>
              {operations.map(({ api, operation }) => {
                const isAllowed = may.includes(`${api}/${operation}`);
                return (
                  <td key={`${api}/${operation}`} className={isAllowed ? 'yes' : 'no'}>
                    {isAllowed ? '✓' : '·'}
                    <span className="visually-hidden">{isAllowed ? 'may' : 'may not'}</span>
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function parametersOf(text: string): Record<string, string> {
  return Object.fromEntries(
    text
      .split(/\s+/)
      .filter((pair) => pair.includes('='))
      .map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
  );
}

function Simulate({ data: { operations } }: { readonly data: Policies }) {
  const [operation, setOperation] = useState(
    operations[0] === undefined ? '' : `${operations[0].api}/${operations[0].operation}`,
  );
  const [kind, setKind] = useState('user');
  const [who, setWho] = useState('');
  const [scopes, setScopes] = useState('');
  const [parameters, setParameters] = useState('');
  const [claims, setClaims] = useState('');
  const [body, setBody] = useState('');
  const [result, setResult] = useState<Result | null>(null);
  const [problem, setProblem] = useState('');
  const ask = async (): Promise<void> => {
    setProblem('');
    setResult(null);
    try {
      const [api, id] = operation.split('/', 2);
      const { data } = await call('simulate', {
        body: {
          operation: id ?? '',
          api: api ?? '',
          as: {
            [kind]: who,
            scopes: scopes.split(/[\s,]+/).filter((scope) => scope !== ''),
            ...(claims.trim() === '' ? {} : { claims: JSON.parse(claims) as Record<string, unknown> }),
          },
          parameters: parametersOf(parameters),
          ...(body.trim() === '' ? {} : { body: JSON.parse(body) as unknown }),
        },
      });
      setResult(data);
    } catch (error) {
      setProblem(error instanceof ApiError ? error.message : `This is no JSON: ${(error as Error).message}`);
    }
  };
  return (
    <form
      className="stack"
      onSubmit={(event: FormEvent) => {
        event.preventDefault();
        void ask();
      }}
    >
      <div className="grid">
        <div className="span-4">
          <Choice
            label="Operation"
            value={operation}
            onChange={setOperation}
            options={operations.map(
              (one) =>
                [`${one.api}/${one.operation}`, `${one.operation} (${one.method} ${one.path})`] as const,
            )}
          />
        </div>
        <div className="span-4">
          <Choice
            label="Kind of caller"
            value={kind}
            onChange={setKind}
            options={[
              ['user', 'User, as issuer|subject'],
              ['client', 'Client'],
              ['service', 'Service'],
            ]}
          />
        </div>
        <div className="span-4">
          <Field label="Caller" value={who} onChange={setWho} placeholder="fjordbank|ingrid" isRequired />
        </div>
        <div className="span-6">
          <Field label="Scopes" value={scopes} onChange={setScopes} placeholder="accounts:read" />
        </div>
        <div className="span-6">
          <Field
            label="Parameters"
            value={parameters}
            onChange={setParameters}
            placeholder="accountId=acc_100001"
          />
        </div>
        <div className="span-6">
          <Field
            label="Claims, JSON"
            rows={3}
            value={claims}
            onChange={setClaims}
            placeholder='{ "accounts": ["acc_100001"] }'
          />
        </div>
        <div className="span-6">
          <Field label="Body, JSON" rows={3} value={body} onChange={setBody} />
        </div>
      </div>
      <div>
        <Action type="submit" kind="primary">
          Ask
        </Action>
      </div>
      {problem !== '' && (
        <div className="note-box bad" role="alert">
          {problem}
        </div>
      )}
      {result !== null && <Answer result={result} />}
    </form>
  );
}

function Answer({ result: { allowed, code, policy, rules, public: isPublic } }: { readonly result: Result }) {
  return (
    <div className="stack" role="status">
      <div className={`note-box ${allowed ? 'good' : 'bad'}`}>
        <strong>{allowed ? 'Allowed' : 'Refused'}</strong>
        <span>
          {isPublic ? 'The operation is public.' : allowed ? 'Every rule lets it pass.' : code}
          {policy !== '' && ` By the policy ${policy}.`}
        </span>
      </div>
      <ul className="check-list">
        {rules.map((rule) => (
          <li key={rule.text}>
            <span className={rule.passes ? 'ok' : 'bad'}>{rule.passes ? '✓' : '✕'}</span>
            <div>
              {rule.text} {rule.reason !== '' && <span className="soft">({rule.reason})</span>}
              {rule.policies.map((one) => (
                <div key={one.id} className="small soft">
                  {one.effect} “{one.id}” {one.outcome.replaceAll('-', ' ')} · <code>{one.place}</code>
                </div>
              ))}
            </div>
          </li>
        ))}
      </ul>
    </div>
  );
}
