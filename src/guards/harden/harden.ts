// What answers carry and what they do not: security fields where the upstream set none, no fingerprints of its
// software, and CORS as configured. HOT
import { Answer, type Exchange, type Guard, noHooks } from '../../exchange/index.ts';
import type { FieldList } from '../../http/fields/index.ts';
import type { CorsConfig, HardenConfig } from './contract.ts';

/** For answers of an API, as the OWASP REST Security Cheat Sheet has them; pages set their own. */
const securityFields: readonly string[] = [
  'x-content-type-options',
  'nosniff',
  'x-frame-options',
  'DENY',
  'content-security-policy',
  "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy',
  'no-referrer',
  'cross-origin-resource-policy',
  'same-origin',
];

const corsAnswerFields = [
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-expose-headers',
  'access-control-allow-methods',
  'access-control-allow-headers',
  'access-control-max-age',
];

/** Guard for answers; null when nothing is added or taken. */
export function compileHarden(config: HardenConfig): Guard | null {
  // Without CORS of its own an API is for no other origin, whatever the upstream says.
  const removed = new Set(
    config.cors === null ? [...config.removeFields, ...corsAnswerFields] : config.removeFields,
  );
  const hsts = config.hstsSeconds > 0 ? `max-age=${config.hstsSeconds}; includeSubDomains` : '';
  const cors = config.cors;
  if (removed.size === 0 && !config.securityFields && hsts === '' && cors === null) return null;
  const onResponse = (exchange: Exchange, _status: number, fields: FieldList): void => {
    if (removed.size > 0) removeAll(fields, removed);
    if (config.securityFields) addSecurityFields(exchange, fields, cors !== null);
    if (hsts !== '' && exchange.secure) fields.set('strict-transport-security', hsts);
    if (cors !== null) addCorsFields(cors, exchange, fields);
  };
  return { ...noHooks, name: 'harden', onResponse };
}

function removeAll(fields: FieldList, removed: ReadonlySet<string>): void {
  const names = fields.names;
  const values = fields.values;
  let kept = 0;
  for (let i = 0; i < names.length; i++) {
    if (removed.has(names[i]!)) continue;
    names[kept] = names[i]!;
    values[kept] = values[i]!;
    kept++;
  }
  names.length = kept;
  values.length = kept;
}

function addSecurityFields(exchange: Exchange, fields: FieldList, crossOrigin: boolean): void {
  for (let i = 0; i < securityFields.length; i += 2) {
    const name = securityFields[i]!;
    if (fields.has(name)) continue;
    // A resource that other origins may read is not kept to its own.
    if (crossOrigin && name === 'cross-origin-resource-policy') fields.append(name, 'cross-origin');
    else fields.append(name, securityFields[i + 1]!);
  }
  // What one caller may see must not be served to the next by a cache on the way.
  if (exchange.consumer !== null && !fields.has('cache-control')) fields.append('cache-control', 'no-store');
}

/** Whether pages of `origin` may read answers. */
export function originAllowed(cors: CorsConfig, origin: string): boolean {
  return cors.origins.includes(origin) || cors.origins[0] === '*';
}

/** The gate alone speaks CORS: an upstream's own fields would open what the configuration keeps closed. */
function addCorsFields(cors: CorsConfig, exchange: Exchange, fields: FieldList): void {
  if (exchange.decidedBy !== 'harden') for (const name of corsAnswerFields) fields.remove(name);
  const any = cors.origins[0] === '*';
  if (!any) addVary(fields);
  const origin = exchange.fields.get('origin');
  if (origin === null || !originAllowed(cors, origin)) return;
  fields.append('access-control-allow-origin', any ? '*' : origin);
  if (cors.credentials) fields.append('access-control-allow-credentials', 'true');
  if (cors.exposeFields.length > 0)
    fields.append('access-control-expose-headers', cors.exposeFields.join(', '));
}

function addVary(fields: FieldList): void {
  const vary = fields.get('vary');
  if (vary === null) fields.append('vary', 'Origin');
  else if (!/(?:^|,)\s*(?:origin|\*)\s*(?:,|$)/i.test(vary)) fields.set('vary', `${vary}, Origin`);
}

/**
 * Answer to a CORS preflight (Fetch standard, section 3.3.5), or null when the request is none or CORS is off.
 * `exchange.operation` is not set yet. Preflights for other origins are answered without permission.
 */
export function answerPreflight(config: HardenConfig, exchange: Exchange): Answer | null {
  const cors = config.cors;
  const origin = exchange.fields.get('origin');
  const method = exchange.fields.get('access-control-request-method');
  if (cors === null || origin === null || method === null || exchange.method !== 'OPTIONS') return null;
  if (!originAllowed(cors, origin) || !cors.methods.includes(method)) return new Answer(204, 'harden', []);
  const wanted = exchange.fields.get('access-control-request-headers');
  const names = wanted === null ? [] : wanted.split(',').map((name) => name.trim().toLowerCase());
  if (!names.every((name) => cors.requestFields.includes(name))) return new Answer(204, 'harden', []);
  // The origin itself is answered by `onResponse`, as on every other answer.
  const fields = ['access-control-allow-methods', cors.methods.join(', ')];
  if (names.length > 0) fields.push('access-control-allow-headers', names.join(', '));
  fields.push('access-control-max-age', String(cors.maxAgeSeconds));
  return new Answer(204, 'harden', fields);
}
