// The differential property: there are no bytes that we accept and Node's parser reads otherwise.
//
// Allowed, because each only means that we refuse more:
// - We answer with an error where Node reads on. What we had accepted before must still be in Node's reading.
// - We wait for the end of a head or trailer section in which Node already sees an error.
// - Fields of the connection (the names in `connectionFields` and those that Connection names) are not in our list of
//   fields: they are read as framing and never passed on.
// - Node stops reading at a request that asks for an upgrade; we go on, as RFC 9110 section 7.8 has it for a server that
//   ignores Upgrade. Nothing behind such a request is compared.
import type { NodeReading, NodeRequest } from './node-reading.ts';
import type { OurReading, OurRequest } from './our-reading.ts';

const connectionFields = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'expect',
  'upgrade',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'http2-settings',
]);

const values = (request: NodeRequest, name: string): string[] =>
  request.fields.filter(([field]) => field.toLowerCase() === name).map(([, value]) => value);

const connectionOptions = (request: NodeRequest): string[] =>
  values(request, 'connection').flatMap((value) =>
    value
      .toLowerCase()
      .split(',')
      .map((part) => part.trim()),
  );

const asksForUpgrade = (request: NodeRequest): boolean =>
  values(request, 'upgrade').length > 0 && connectionOptions(request).includes('upgrade');

/** The end-to-end fields of Node's reading as we would list them. */
export function endToEndFields(fields: NodeRequest['fields'], nominated: readonly string[]): string {
  const kept = fields
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name]) => !connectionFields.has(name) && !nominated.includes(name));
  return JSON.stringify(kept);
}

export const ourFields = (fields: {
  readonly names: readonly string[];
  readonly values: readonly string[];
}): string => JSON.stringify(fields.names.map((name, i) => [name, fields.values[i]]));

function findHeadDifference({ head }: OurRequest, node: NodeRequest): string | null {
  if (head.method !== node.method) return `method ${head.method} is ${node.method} to Node`;
  if (head.target !== node.target) return `target ${head.target} is ${node.target} to Node`;
  if (`1.${head.minor}` !== node.version) return `version 1.${head.minor} is ${node.version} to Node`;
  if (head.host !== (values(node, 'host').join() || '')) return `host ${head.host} is another to Node`;
  const expected = endToEndFields(node.fields, connectionOptions(node));
  const actual = ourFields(head.fields);
  if (actual !== expected) return `fields ${actual} are ${expected} to Node`;
  const isChunked = values(node, 'transfer-encoding').length > 0;
  const length = Number(values(node, 'content-length')[0] ?? 0);
  if (head.contentLength !== (isChunked ? -1 : length))
    return `body length ${head.contentLength} is another to Node`;
  return null;
}

function findBodyDifference(ours: OurRequest, node: NodeRequest): string | null {
  if (!ours.complete) {
    const shorter = Math.min(ours.body.length, node.body.length);
    const agree = ours.body.subarray(0, shorter).equals(node.body.subarray(0, shorter));
    return agree ? null : 'the body begins otherwise to Node';
  }
  if (!node.complete) return 'the body has not ended to Node';
  if (!ours.body.equals(node.body))
    return `body ${JSON.stringify(ours.body.toString('latin1'))} is another to Node`;
  const expected = endToEndFields(node.trailers, []);
  const actual = JSON.stringify(ours.trailers);
  return actual === expected ? null : `trailers ${actual} are ${expected} to Node`;
}

/** What Node reads otherwise, or null. */
export function findDifference(ours: OurReading, node: NodeReading): string | null {
  for (const [i, request] of ours.requests.entries()) {
    const other = node.requests[i];
    if (other === undefined) return `request ${i} is none to Node (${node.error})`;
    const difference = findHeadDifference(request, other) ?? findBodyDifference(request, other);
    if (difference !== null) return `request ${i}: ${difference}`;
    if (asksForUpgrade(other)) return null;
  }
  if (ours.error === null && node.requests.length > ours.requests.length) return 'Node reads more requests';
  if (ours.finished && node.error !== null) return `everything is accepted but Node says ${node.error}`;
  return null;
}

/** What of our reading depends on where the bytes were cut, or null. The code of an error may: it tells what was seen first. */
export function findSplitDifference(whole: OurReading, split: OurReading): string | null {
  const show = (reading: OurReading): string =>
    JSON.stringify([
      reading.requests.map(({ head, body, complete, trailers }) => [
        { ...head, fields: ourFields(head.fields) },
        body.toString('latin1'),
        complete,
        trailers,
      ]),
      reading.finished,
    ]);
  return show(whole) === show(split) ? null : `whole ${show(whole)}, in pieces ${show(split)}`;
}
