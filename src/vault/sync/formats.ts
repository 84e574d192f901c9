// Secrets in the formats of others: manifests of Kubernetes, environment files.
import { parseAllDocuments, stringify } from 'yaml';
import { VaultError } from '../contract.ts';
import type { KvData } from '../secrets/kv.ts';

export interface FoundSecret {
  /** Below the folder that it is imported into. */
  readonly path: string;
  readonly data: KvData;
}

/** Secrets among manifests, or in a List of them, as `kubectl get secret -o yaml` (or json) prints it. */
export function fromKubernetes(text: string): readonly FoundSecret[] {
  const out: FoundSecret[] = [];
  const take = (manifest: unknown): void => {
    if (typeof manifest !== 'object' || manifest === null) return;
    const { kind, items, metadata, data, stringData } = manifest as Record<string, unknown>;
    if (Array.isArray(items)) return items.forEach(take);
    if (kind !== 'Secret') return;
    const { name, namespace } = (metadata ?? {}) as { name?: unknown; namespace?: unknown };
    if (typeof name !== 'string') throw new VaultError('invalid', 'a Secret has no name');
    const entries: [string, string][] = [];
    for (const [key, value] of Object.entries((data ?? {}) as object)) {
      const bytes = Buffer.from(String(value), 'base64');
      const clear = bytes.toString('utf8');
      // What is no text would be lost as one.
      entries.push([
        key,
        Buffer.from(clear, 'utf8').equals(bytes) ? clear : `base64:${bytes.toString('base64')}`,
      ]);
    }
    for (const [key, value] of Object.entries((stringData ?? {}) as object))
      entries.push([key, String(value)]);
    out.push({
      path: typeof namespace === 'string' ? `${namespace}/${name}` : name,
      data: Object.fromEntries(entries),
    });
  };
  for (const document of parseAllDocuments(text)) {
    if (document.errors.length > 0)
      throw new VaultError('invalid', `the manifests are no YAML: ${document.errors[0]!.message}`);
    take(document.toJS({ maxAliasCount: 10 }));
  }
  return out;
}

/** A manifest of one Secret. */
export function toKubernetes(name: string, data: KvData): string {
  if (!/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/.test(name))
    throw new VaultError('invalid', `"${name}" is no name for a Secret of Kubernetes`);
  const entries = Object.entries(data).map(([key, value]) => {
    if (!/^[-._A-Za-z0-9]{1,253}$/.test(key))
      throw new VaultError('invalid', `"${key}" is no key of a Secret`);
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    const bytes = text.startsWith('base64:')
      ? Buffer.from(text.slice(7), 'base64')
      : Buffer.from(text, 'utf8');
    return [key, bytes.toString('base64')] as const;
  });
  return stringify({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name },
    type: 'Opaque',
    data: Object.fromEntries(entries),
  });
}

/** `NAME="value"` lines. Names are those of shells. */
export function toEnvFile(data: KvData): string {
  return Object.entries(data)
    .map(([name, value]) => {
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
        throw new VaultError('invalid', `"${name}" is no name of an environment variable`);
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      if (text.includes('\0')) throw new VaultError('invalid', `"${name}" holds what no environment can`);
      return `${name}=${JSON.stringify(text)}\n`;
    })
    .join('');
}

/** Reads what `toEnvFile` writes, and lines without quotes. */
export function parseEnvFile(text: string): Readonly<Record<string, string>> {
  const entries: [string, string][] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.trimStart().startsWith('#')) continue;
    const match = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line.replace(/\r$/, ''));
    const value = match === null ? null : unquote(match[2]!);
    if (match === null || value === null)
      throw new VaultError('invalid', `line ${index + 1} of the environment file is not NAME=value`);
    entries.push([match[1]!, value]);
  }
  return Object.fromEntries(entries);
}

function unquote(value: string): string | null {
  if (!value.startsWith('"')) return value;
  try {
    const parsed: unknown = JSON.parse(value);
    return typeof parsed === 'string' ? parsed : null;
  } catch {
    return null;
  }
}
