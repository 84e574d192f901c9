// Which operations are served on which listeners. A listener is public or internal, an operation is for one of them or
// for both, and where the two do not meet the operation does not exist: no route, no Allow, no preflight.
import type { ConfigDocument } from './document.ts';
import type { OperationConfig } from './gate-config.ts';
import { fail, failDangling, type ResolveContext } from './resolve.ts';

type ApiDocument = ConfigDocument['apis'][string];
type Exposure = OperationConfig['exposure'];

/** Listeners of an API: those it names, or all that may serve one of its operations. */
export function resolveApiListeners(
  name: string,
  entry: ApiDocument,
  document: ConfigDocument,
  context: ResolveContext,
): string[] {
  const path = ['apis', name];
  const wanted = new Set<Exposure>([entry.exposure]);
  for (const operation of Object.values(entry.operations))
    if (operation.exposure !== undefined) wanted.add(operation.exposure);
  const mayServe = (exposure: Exposure): boolean => wanted.has('both') || wanted.has(exposure);
  const all = Object.entries(document.listeners);
  if (entry.listeners === undefined) {
    const found = all.filter(
      ([, listener]) => listener['redirect-to-https'] === undefined && mayServe(listener.exposure),
    );
    if (found.length === 0 && all.length > 0)
      fail(
        context,
        'config-exposure',
        path,
        `No listener may serve "${name}": it is ${[...wanted].join(' and ')}.`,
        'Add a listener with that exposure, or change the exposure of the API.',
      );
    return found.map(([listener]) => listener);
  }
  return entry.listeners.filter((listener, index) => {
    const place = [...path, 'listeners', index];
    const found = Object.hasOwn(document.listeners, listener) ? document.listeners[listener] : undefined;
    if (found === undefined)
      failDangling(context, place, 'listener', listener, Object.keys(document.listeners));
    else if (found['redirect-to-https'] !== undefined)
      fail(
        context,
        'config-redirect',
        place,
        `"${listener}" only redirects to https.`,
        'Name the listener that it redirects to.',
      );
    else if (!mayServe(found.exposure))
      fail(
        context,
        'config-exposure',
        place,
        `"${listener}" is ${found.exposure} and "${name}" is ${[...wanted].join(' and ')}.`,
        `Remove the listener, or say "exposure: both" where that is meant.`,
      );
    else return true;
    return false;
  });
}

/** Listeners of one operation, among those of its API. */
export function resolveOperationListeners(
  operation: { readonly id: string; readonly exposure: Exposure; readonly isOpen: boolean },
  api: string,
  listeners: readonly string[],
  document: ConfigDocument,
  context: ResolveContext,
): string[] {
  const path = ['apis', api, 'operations', operation.id];
  if (operation.isOpen && operation.exposure === 'internal') {
    fail(
      context,
      'config-exposure',
      path,
      `"${operation.id}" is internal and open to everybody.`,
      'Internal listeners serve nobody without credentials: remove "public", or the exposure.',
    );
    return [];
  }
  const found = listeners.filter((name) => {
    const exposure = document.listeners[name]?.exposure ?? 'public';
    if (exposure === 'internal' && operation.isOpen) return false;
    return operation.exposure === 'both' || operation.exposure === exposure;
  });
  if (found.length === 0 && listeners.length > 0)
    fail(
      context,
      'config-exposure',
      path,
      `No listener of "${api}" may serve "${operation.id}", which is ${operation.exposure}.`,
      'Add such a listener, or change the exposure.',
    );
  return found;
}
