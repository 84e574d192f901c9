// Versions that come to their end: callers are told in every answer (Deprecation, RFC 9745; Sunset, RFC 8594; Link), and from
// the day of the sunset on they get 410. HOT
import type { Clock } from '../../core/index.ts';
import { type Decision, type Exchange, type Guard, noHooks, Refusal } from '../../exchange/index.ts';
import type { FieldList } from '../../http/fields/index.ts';
import type { RetireConfig } from './contract.ts';

/** Guard of one operation; null when nobody speaks of its end. */
export function compileRetire(config: RetireConfig | null, clock: Clock): Guard | null {
  if (config === null) return null;
  const { deprecatedAt, sunsetAt } = config;
  const links = linksOf(config);
  const sunsetMs = sunsetAt === null ? Number.POSITIVE_INFINITY : sunsetAt * 1000;
  const gone = new Refusal(
    'version-gone',
    'retire',
    'sunset',
    config.successor === null ? '' : `Use ${config.successor} instead.`,
  );

  const onRequest = (): Decision => (clock.epochMs() >= sunsetMs ? gone : null);
  const onResponse = (_exchange: Exchange, _status: number, fields: FieldList): void => {
    if (deprecatedAt !== null) fields.set('deprecation', `@${deprecatedAt}`);
    if (sunsetAt !== null) fields.set('sunset', new Date(sunsetMs).toUTCString());
    // A list: those of the service stay.
    for (let i = 0; i < links.length; i++) fields.append('link', links[i]!);
  };
  return { ...noHooks, name: 'retire', onRequest, onResponse };
}

/** RFC 8288; relations of RFC 9745, RFC 8594 and RFC 5829. */
function linksOf({ successor, information, deprecatedAt, sunsetAt }: RetireConfig): string[] {
  return [
    ...(successor === null ? [] : [`<${successor}>; rel="successor-version"`]),
    ...(information === null || deprecatedAt === null ? [] : [`<${information}>; rel="deprecation"`]),
    ...(information === null || sunsetAt === null ? [] : [`<${information}>; rel="sunset"`]),
  ];
}
