// One request, guard by guard: where it went, where it ended and why, what the caller was told, and others of the same caller.
import { useState } from 'react';
import { BanDialog } from '../components/ban-dialog.tsx';
import { Action, Empty, PageHead, Panel, Shown, Stranger, Time, Verdict } from '../components/basic.tsx';
import { milliseconds, visible } from '../format.ts';
import { hrefOf } from '../router.ts';
import { useSession } from '../session.tsx';
import { useResource } from '../use-resource.ts';

const marks: Readonly<Record<string, string>> = {
  passed: '✓',
  refused: '✕',
  failed: '!',
  answered: '↩',
  'not-reached': '·',
  'not-configured': '–',
};

const hidden = new Set(['matches']);

export function ExplainedRequest({ id }: { readonly id: string }) {
  const { may } = useSession();
  const found = useResource('explainRequest', { params: { request: id } });
  const address = String(found.data?.request['client_address'] ?? '');
  const [isBanning, setBanning] = useState(false);
  const [banned, setBanned] = useState('');
  return (
    <>
      <PageHead title="One request" about={<code>{visible(id)}</code>}>
        {may('bans:write') && address !== '' && (
          <Action kind="danger" onPress={() => setBanning(true)}>
            Ban {address}
          </Action>
        )}
        <a className="button" href={hrefOf('requests')}>
          All requests
        </a>
      </PageHead>
      {isBanning && (
        <BanDialog
          address={address}
          onClose={() => setBanning(false)}
          onDone={(block) => {
            setBanning(false);
            setBanned(block);
          }}
        />
      )}
      {banned !== '' && (
        <div className="note-box good" role="status">
          <span>
            {banned} is refused from now on. <a href={hrefOf('limits')}>Bans</a>
          </span>
        </div>
      )}
      <Shown of={found} lines={12}>
        {({ request, summary, told, advice, steps, related }) => (
          <div className="grid">
            <Panel span={12}>
              <div className="row">
                <Verdict decision={request.decision} />
                <strong className="grow">
                  <Stranger text={summary} />
                </strong>
                <Time ms={Date.parse(request.time)} />
              </div>
            </Panel>
            <Panel title="Guard by guard" span={7}>
              <ol className="steps">
                {steps.map(({ guard, outcome, text, details }) => (
                  <li key={guard} className={`step ${outcome}`}>
                    <span className="mark" aria-hidden="true">
                      {marks[outcome]}
                    </span>
                    <span className="guard">{guard}</span>
                    <span className="what">
                      <span>{text}</span>
                      {details.length > 0 && (
                        <ul>
                          {details.map((detail) => (
                            <li key={detail}>
                              <Stranger text={detail} />
                            </li>
                          ))}
                        </ul>
                      )}
                    </span>
                  </li>
                ))}
              </ol>
            </Panel>
            <div className="span-5 stack">
              {advice !== '' && (
                <Panel title="What to do">
                  <p>{advice}</p>
                </Panel>
              )}
              <Panel title="What the caller was told">
                <p>{told}</p>
              </Panel>
              <Panel title="Record">
                <dl className="facts">
                  {Object.entries(request)
                    .filter(([name]) => !hidden.has(name))
                    .map(([name, value]) => (
                      <Fact key={name} name={name} value={value} />
                    ))}
                </dl>
              </Panel>
            </div>
            <Panel title="Others of the same caller" span={12} flush>
              {related.length === 0 ? (
                <Empty title="There are no others" />
              ) : (
                <div className="tail" style={{ height: 'auto' }}>
                  {related.map((other) => (
                    <a key={other.id} href={hrefOf(`requests/${other.id}`)}>
                      <Time ms={Date.parse(other.time)} form="clock" />
                      <span className="wide">
                        <Verdict decision={other.decision} />
                      </span>
                      <span>{other.status}</span>
                      <span className="mono">
                        <Stranger text={`${String(other['method'] ?? '')} ${String(other['path'] ?? '')}`} />
                      </span>
                      <span className="wide soft">
                        <Stranger text={other['code'] === undefined ? '' : String(other['code'])} />
                      </span>
                    </a>
                  ))}
                </div>
              )}
            </Panel>
          </div>
        )}
      </Shown>
    </>
  );
}

function Fact({ name, value }: { readonly name: string; readonly value: unknown }) {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const shown = name.endsWith('_us') && typeof value === 'number' ? milliseconds(value / 1000) : text;
  const filter = name === 'client_address' ? 'address' : name;
  const isLink = ['client_address', 'consumer', 'code', 'operation'].includes(name);
  return (
    <>
      <dt>{name}</dt>
      <dd className="mono">
        {isLink ? (
          <a href={hrefOf('requests', { [filter]: text })}>
            <Stranger text={shown} />
          </a>
        ) : (
          <Stranger text={shown} />
        )}
      </dd>
    </>
  );
}
