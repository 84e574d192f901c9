// `gatewright services bind`, `clients bind`, `users bind`: names in certificates, and accounts of clusters, that stand for callers.
import { normaliseBinding } from '../../identity/index.ts';
import { CommandError, Exit, print, printable, printJson } from '../output.ts';
import { moment, table, withState } from '../state.ts';
import type { Options } from './access.ts';

export const runBind = (options: Options, id: string, text?: string): Promise<number> =>
  withState(options, async ({ state }) => {
    if (text === undefined) {
      const found = await state.services.bindings(id);
      if (options['json'] === true) printJson(found);
      else
        print(
          table(
            ['IDENTITY', 'SINCE'],
            found.map((entry) => [printable(entry.identity), moment(entry.createdMs)]),
          ),
        );
      return Exit.ok;
    }
    const identity = normaliseBinding(text);
    if (identity === null)
      throw new CommandError(`"${text}" is no identity; see "gatewright services bind --help"`, Exit.usage);
    await state.services.addBinding({ identity, principal: id, createdMs: Date.now() });
    if (options['json'] === true) printJson({ id, identity });
    else print(`${printable(identity)} stands for ${id}.`);
    return Exit.ok;
  });

export const runUnbind = (options: Options, text: string): Promise<number> =>
  withState(options, async ({ state }) => {
    const identity = normaliseBinding(text) ?? text;
    if (!(await state.services.removeBinding(identity)))
      throw new CommandError(`"${identity}" stands for nobody`);
    if (options['json'] === true) printJson({ identity, removed: true });
    else print(`${printable(identity)} stands for nobody any more.`);
    return Exit.ok;
  });
