// `intel:` as the gate needs it: one source for each feed, paths absolute, certificates read.
import { resolve } from 'node:path';
import type { FeedProof, FeedSource, IntelConfig, TaxiiServerConfig } from '../intel/contract.ts';
import type { ConfigDocument } from './document.ts';
import type { ResolveContext } from './resolve.ts';
import { readAnchors } from './resolve-certificates.ts';
import type { Path } from './yaml-source.ts';

type IntelDocument = NonNullable<ConfigDocument['intel']>;
type FeedDocument = IntelDocument['feeds'][string];
type TaxiiDocument = NonNullable<FeedDocument['taxii']>;

export function resolveIntel(document: ConfigDocument, context: ResolveContext): IntelConfig | null {
  const entry = document.intel;
  if (entry === undefined) return null;
  const { sightings } = entry;
  return {
    folder: resolve(context.folder, entry.folder),
    maxIndicators: entry['max-indicators'],
    feeds: Object.entries(entry.feeds).map(([name, feed]) => ({
      name,
      source: sourceOf(feed, ['intel', 'feeds', name], context),
      everyMs: feed.every,
      confidence: feed.confidence,
      minConfidence: feed['min-confidence'],
      keepMs: feed.keep,
    })),
    sightings:
      sightings === undefined
        ? null
        : {
            to:
              sightings.taxii === undefined
                ? { kind: 'file', path: resolve(context.folder, sightings.file!) }
                : {
                    kind: 'taxii',
                    server: serverOf(sightings.taxii, ['intel', 'sightings', 'taxii'], context),
                  },
            everyMs: sightings.every,
            identity: sightings.identity,
          },
  };
}

const anchorsOf = (file: string, path: Path, context: ResolveContext): string =>
  file === '' ? '' : (readAnchors(file, '', [...path, 'ca'], context)?.pem ?? '');

function serverOf(server: TaxiiDocument, path: Path, context: ResolveContext): TaxiiServerConfig {
  const { url, collection, user, password, token, ca } = server;
  const basic = user === undefined ? '' : `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  return {
    url,
    collection,
    authorization: token === undefined ? basic : `Bearer ${token}`,
    ca: anchorsOf(ca, path, context),
  };
}

function sourceOf(feed: FeedDocument, path: Path, context: ResolveContext): FeedSource {
  if (feed.taxii !== undefined)
    return { kind: 'taxii', server: serverOf(feed.taxii, [...path, 'taxii'], context) };
  return {
    kind: 'plain',
    from: feed.url ?? resolve(context.folder, feed.file!),
    ca: anchorsOf(feed.ca, path, context),
    format: feed.format,
    column: feed.column,
    proof: proofOf(feed),
  };
}

function proofOf(feed: FeedDocument): FeedProof {
  const hashUrl = feed['sha256-url'];
  const signatureUrl = feed['signature-url'];
  if (feed.sha256 !== undefined) return { kind: 'sha256', hex: feed.sha256 };
  if (hashUrl !== undefined) return { kind: 'sha256-url', url: hashUrl };
  if (feed.ed25519 !== undefined && signatureUrl !== undefined)
    return { kind: 'ed25519', key: feed.ed25519, url: signatureUrl };
  return { kind: 'none' };
}
