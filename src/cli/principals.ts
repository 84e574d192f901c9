// `gatewright clients`, `users`, `services`: who may call.
import type { PrincipalKind } from '../identity/index.ts';
import { Exit, print, printJson } from './output.ts';
import { moment, table, withState } from './state.ts';

type Options = Readonly<Record<string, unknown>>;

/** What was issued to somebody who is disabled can not live longer than this. */
const REMEMBERED_MS = 400 * 86_400_000;

export interface PrincipalCommands {
  add(options: Options, id: string): Promise<number>;
  list(options: Options): Promise<number>;
  scopes(options: Options, id: string, ...scopes: string[]): Promise<number>;
  disable(options: Options, id: string): Promise<number>;
  enable(options: Options, id: string): Promise<number>;
}

export const principalCommands = (kind: PrincipalKind): PrincipalCommands => ({
  add: (options, id) =>
    withState(options, async ({ registry }) => {
      const scopes = (options['scope'] as string[] | undefined) ?? [];
      const note = (options['note'] as string | undefined) ?? '';
      const created = await registry.add(kind, id, scopes, note, options['key'] === true ? {} : null);
      if (options['json'] === true)
        printJson({
          id,
          kind,
          scopes,
          ...(created === null ? {} : { key: created.key, keyId: created.record.id }),
        });
      else {
        print(`${kind} ${id} added${scopes.length === 0 ? '' : ` with ${scopes.join(' ')}`}.`);
        if (created !== null) print(`\nIts key (shown once):\n\n  ${created.key}`);
      }
      return Exit.ok;
    }),
  list: (options) =>
    withState(options, async ({ registry }) => {
      const found = await registry.principals(kind);
      if (options['json'] === true) printJson(found);
      else
        print(
          table(
            ['ID', 'SCOPES', 'CREATED', 'DISABLED', 'NOTE'],
            found.map((p) => [
              p.id,
              p.scopes.join(' ') || '-',
              moment(p.createdMs),
              moment(p.disabledMs),
              p.note,
            ]),
          ),
        );
      return Exit.ok;
    }),
  scopes: (options, id, ...scopes) =>
    withState(options, async ({ registry }) => {
      const wanted = scopes.flat();
      await registry.setScopes(kind, id, wanted);
      if (options['json'] === true) printJson({ id, kind, scopes: wanted });
      else print(`${kind} ${id} has ${wanted.join(' ') || 'no scopes'}.`);
      return Exit.ok;
    }),
  disable: (options, id) =>
    withState(options, async ({ registry }) => {
      await registry.disable(kind, id, REMEMBERED_MS);
      if (options['json'] === true) printJson({ id, kind, disabled: true });
      else print(`${kind} ${id} disabled: its keys and tokens are refused from now on.`);
      return Exit.ok;
    }),
  enable: (options, id) =>
    withState(options, async ({ registry }) => {
      await registry.enable(kind, id);
      if (options['json'] === true) printJson({ id, kind, disabled: false });
      else print(`${kind} ${id} enabled.`);
      return Exit.ok;
    }),
});
