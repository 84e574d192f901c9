// Which member of a record a field of Sigma's taxonomy means, for the log sources `webserver`, `proxy` and `application`. The table in
// docs/detection.md is this one.
import type { ExchangeRecord } from '../../telemetry/index.ts';

type Read = (record: ExchangeRecord) => string | number | readonly (string | number)[] | null;

const uri: Read = ({ path, query }) =>
  path === undefined ? null : query === undefined ? path : `${path}?${query}`;

/** By name in lower case. */
const fields: Readonly<Record<string, Read>> = {
  __proto__: null as never,
  // W3C names, category webserver
  'c-ip': ({ client_address }) => client_address,
  'cs-method': ({ method }) => method ?? null,
  'cs-uri': uri,
  'cs-uri-stem': ({ path }) => path ?? null,
  'cs-uri-query': ({ query }) => query ?? null,
  'cs-host': ({ host }) => host ?? null,
  'cs-user-agent': ({ user_agent }) => user_agent ?? null,
  'cs-username': ({ consumer }) => consumer ?? null,
  'cs-version': ({ protocol }) => protocol ?? null,
  'sc-status': ({ status }) => status,
  'sc-bytes': ({ response_bytes }) => response_bytes,
  'cs-bytes': ({ request_bytes }) => request_bytes,
  'time-taken': ({ duration_us }) => Math.round(duration_us / 1000),
  // category proxy
  'c-uri': uri,
  'c-uri-path': ({ path }) => path ?? null,
  'c-uri-query': ({ query }) => query ?? null,
  'c-useragent': ({ user_agent }) => user_agent ?? null,
  'c-username': ({ consumer }) => consumer ?? null,
  'cs-uri-path': ({ path }) => path ?? null,
  'r-dns': ({ host }) => host ?? null,
  src_ip: ({ client_address }) => client_address,
  dst_ip: ({ upstream_address }) => upstream_address ?? null,
  // names of our own, category application
  client_address: ({ client_address }) => client_address,
  country: ({ country }) => country ?? null,
  asn: ({ asn }) => asn ?? null,
  listener: ({ listener }) => listener,
  method: ({ method }) => method ?? null,
  host: ({ host }) => host ?? null,
  path: ({ path }) => path ?? null,
  query: ({ query }) => query ?? null,
  protocol: ({ protocol }) => protocol ?? null,
  api: ({ api }) => api ?? null,
  operation: ({ operation }) => operation ?? null,
  consumer: ({ consumer }) => consumer ?? null,
  credential: ({ credential }) => credential ?? null,
  method_of_authentication: ({ method_of_authentication }) => method_of_authentication ?? null,
  decision: ({ decision }) => decision,
  guard: ({ guard }) => guard ?? null,
  code: ({ code }) => code ?? null,
  reason: ({ reason }) => reason ?? null,
  status: ({ status }) => status,
  request_bytes: ({ request_bytes }) => request_bytes,
  response_bytes: ({ response_bytes }) => response_bytes,
  duration_us: ({ duration_us }) => duration_us,
  user_agent: ({ user_agent }) => user_agent ?? null,
  risk: ({ risk }) => risk ?? null,
  score: ({ score }) => score ?? null,
  rules: ({ rules }) => rules ?? null,
};

export const fieldNames: readonly string[] = Object.keys(fields);

/** How to read a field; null for one that records do not have. */
export const readerOf = (field: string): Read | null => fields[field.toLowerCase()] ?? null;
