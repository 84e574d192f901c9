// Databases of places, from the document: found, and looked at enough to say that they are whole and how old they are. Their
// bytes are read when they are loaded into the memory that threads share.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { type DatabaseInfo, databaseInfo, type GeographyConfig, METADATA_BYTES } from '../geography/index.ts';
import type { AdmitConfig } from '../guards/admit/contract.ts';
import type { ConfigDocument } from './document.ts';
import { fail, type ResolveContext } from './resolve.ts';
import { checkListNames } from './resolve-admission.ts';
import type { Path } from './yaml-source.ts';

const DAY_MS = 86_400_000;
const PACKAGE = 'package:';

export function resolveGeography(document: ConfigDocument, context: ResolveContext): GeographyConfig | null {
  const { geography } = document;
  if (geography === undefined) return null;
  const databases = geography.databases.flatMap((name, index) => {
    const path: Path = ['geography', 'databases', index];
    const file = fileOf(name, context);
    const info = file === null ? null : infoOf(file, name, path, context);
    if (file === null) {
      const way = `Install it: npm install ${name.slice(PACKAGE.length)}`;
      fail(context, 'geography-database', path, `The package of ${name} is not installed.`, way);
    }
    if (file === null || info === null) return [];
    context.files.push(file);
    const ageMs = Date.now() - info.builtMs;
    if (ageMs > geography['max-age'])
      context.diagnostics.warning(
        'geography-old',
        context.source.place(path),
        `${name} was made ${Math.floor(ageMs / DAY_MS)} days ago: networks have moved since.`,
        'Bring a newer one, or raise geography.max-age.',
      );
    return [{ name, file }];
  });
  return { databases };
}

/** Null for a package that is not there. */
function fileOf(name: string, { folder }: ResolveContext): string | null {
  if (!name.startsWith(PACKAGE)) return resolve(folder, name);
  const packageName = name.slice(PACKAGE.length);
  // `@ip-location-db/geo-whois-asn-country-mmdb` has `geo-whois-asn-country.mmdb`.
  const fileName = `${packageName.replace(/^@[^/]+\//, '').replace(/-mmdb$/, '')}.mmdb`;
  for (const from of [join(folder, 'gatewright.yaml'), import.meta.url]) {
    try {
      return join(dirname(createRequire(from).resolve(`${packageName}/package.json`)), fileName);
    } catch {}
  }
  return null;
}

function infoOf(file: string, name: string, path: Path, context: ResolveContext): DatabaseInfo | null {
  let handle: number | null = null;
  try {
    handle = openSync(file, 'r');
    const { size } = fstatSync(handle);
    const tail = Buffer.alloc(Math.min(size, METADATA_BYTES));
    readSync(handle, tail, 0, tail.length, size - tail.length);
    return databaseInfo(tail);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === undefined ? `is no database: ${message}` : `can not be read (${code})`;
    const way = 'Name a file in MaxMind DB format (.mmdb); paths are relative to the configuration file.';
    fail(context, 'geography-database', path, `${name} ${why}.`, way);
    return null;
  } finally {
    if (handle !== null) closeSync(handle);
  }
}

/** Rules about places need a database that knows them. */
export function resolveAddresses(
  api: string,
  addresses: ConfigDocument['apis'][string]['addresses'],
  document: ConfigDocument,
  context: ResolveContext,
): AdmitConfig {
  const { allow, deny, countries, networks, anywhere } = addresses;
  checkListNames(api, document, context);
  const lists = { allow, deny, allowLists: addresses['allow-lists'], denyLists: addresses['deny-lists'] };
  const count = [countries.allow, countries.deny, networks.allow, networks.deny].flat().length;
  if (count === 0) return { ...lists, places: null };
  if (document.geography === undefined)
    fail(
      context,
      'config-value',
      ['apis', api, 'addresses'],
      'Nothing tells where addresses are.',
      'Name a database: geography: { databases: [ ./country.mmdb ] }.',
    );
  return { ...lists, places: { countries, networks, anywhere } };
}
