// `gatewright token`: withdrawing what others have issued.
import type { RevocationKindName } from '../credentials/index.ts';
import type { RevocationOptions } from '../identity/index.ts';
import { CommandError, Exit, print, printJson } from './output.ts';
import { moment, table, withState } from './state.ts';

type Options = Readonly<Record<string, unknown>>;

const names = ['jti', 'subject', 'issuer', 'session', 'key'] as const;
const kinds: Readonly<Record<(typeof names)[number], RevocationKindName>> = {
  jti: 'token',
  subject: 'subject',
  issuer: 'issuer',
  session: 'session',
  key: 'key',
};

/** The one thing that the options name. */
function named(options: Options): Pick<RevocationOptions, 'kind' | 'value'> {
  const given = names.filter((name) => options[name] !== undefined);
  const [name] = given;
  if (name === undefined || given.length > 1)
    throw new CommandError('name one of --jti, --subject, --issuer, --session, --key', Exit.usage);
  return { kind: kinds[name], value: String(options[name]) };
}

export const runTokenRevoke = (options: Options): Promise<number> =>
  withState(options, async ({ registry }) => {
    const what = named(options);
    const before = options['before'] as number | undefined;
    // An issuer goes on issuing: what is withdrawn of it is what there is now, unless another moment is named.
    const goesOn = options['all'] !== true && (what.kind === 'issuer' || what.kind === 'subject');
    const issuedBeforeMs = before ?? (goesOn ? Date.now() : undefined);
    const revocation = await registry.revoke({
      ...what,
      ...(issuedBeforeMs === undefined ? {} : { issuedBeforeMs }),
      forMs: options['for'] as number,
      reason: (options['reason'] as string | undefined) ?? '',
    });
    if (options['json'] === true) printJson(revocation);
    else
      print(
        `${what.kind} ${what.value} is revoked${issuedBeforeMs === undefined ? '' : ` for what was issued before ${moment(issuedBeforeMs)}`}, until ${moment(revocation.untilMs)}.`,
      );
    return Exit.ok;
  });

export const runTokenRestore = (options: Options): Promise<number> =>
  withState(options, async ({ registry }) => {
    const { kind, value } = named(options);
    if (!(await registry.restore(kind, value))) throw new CommandError(`${kind} ${value} is not revoked`);
    if (options['json'] === true) printJson({ kind, value, restored: true });
    else print(`${kind} ${value} is accepted again.`);
    return Exit.ok;
  });

export const runTokenList = (options: Options): Promise<number> =>
  withState(options, async ({ registry }) => {
    const found = await registry.revocations();
    if (options['json'] === true) printJson(found);
    else
      print(
        table(
          ['KIND', 'VALUE', 'ISSUED BEFORE', 'UNTIL', 'CREATED', 'REASON'],
          found.map((r) => [
            r.kind,
            r.value,
            r.issuedBeforeMs === null ? 'any time' : moment(r.issuedBeforeMs),
            moment(r.untilMs),
            moment(r.createdMs),
            r.reason,
          ]),
        ),
      );
    return Exit.ok;
  });
