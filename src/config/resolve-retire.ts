// When a version ends: what the operation says goes before what the API says, key by key.
import type { RetireConfig } from '../guards/retire/contract.ts';
import type { RetireDocument } from './document-retire.ts';
import { fail, type ResolveContext } from './resolve.ts';
import type { Path } from './yaml-source.ts';

export function resolveRetire(
  api: RetireDocument | undefined,
  operation: RetireDocument | undefined,
  path: Path,
  context: ResolveContext,
): RetireConfig | null {
  const { deprecated, sunset, successor, information } = { ...api, ...operation };
  if (deprecated === undefined && sunset === undefined) return null;
  const seconds = (text: string | undefined): number | null =>
    text === undefined ? null : Math.floor(Date.parse(text) / 1000);
  const deprecatedAt = seconds(deprecated);
  const sunsetAt = seconds(sunset);
  // RFC 9745 section 4: the sunset must not be before the deprecation.
  if (deprecatedAt !== null && sunsetAt !== null && sunsetAt < deprecatedAt)
    fail(context, 'config-value', path, 'The sunset is before the deprecation.', 'Swap the two dates.');
  return { deprecatedAt, sunsetAt, successor: successor ?? null, information: information ?? null };
}
