// References to values that do not belong into a file: `${env:NAME}`, `${file:path}` and `${vault:path#field}`, always a
// whole value.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { closestName, type Diagnostics } from '../core/index.ts';
import type { VaultValue } from './vault-references.ts';
import type { Path, YamlSource } from './yaml-source.ts';

const reference = /^\$\{(\w+):([^}]*)\}$/;
const privateKey = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;
const apiKey = /^gwk_[A-Za-z0-9-]{1,64}_[A-Za-z0-9_-]{43}$/;
/** Values that must be references, as paths with `*` for names. */
const secretPaths = [
  'listeners.*.tls.key',
  'listeners.*.tls.certificates.*.key',
  'upstreams.*.tls.key',
  'acme.*.external-account.key',
  'identity.issuers.*.introspect.client-secret',
  'identity.logins.*.client-secret',
  'identity.authorization-server.federation.*.client-secret',
  'identity.consumers.*.signature-keys.*.secret',
  'apis.*.authenticate.*.webhook.secrets.*',
  'apis.*.authenticate.*.all-of.*.webhook.secrets.*',
  'apis.*.operations.*.authenticate.*.webhook.secrets.*',
  'apis.*.operations.*.authenticate.*.all-of.*.webhook.secrets.*',
  'state.postgres',
  'state.seal',
  'cluster.redis',
  'cluster.redis.cluster.*',
  'cluster.redis.password',
  'telemetry.access-log.to.seal',
  'telemetry.access-log.to.older-seals.*',
  'telemetry.otlp.headers.*',
  'telemetry.otlp.tls.key',
  'vault.root.passphrase',
  'vault.root.aws-kms.secret-access-key',
  'vault.root.aws-kms.session-token',
  'vault.root.google-kms.credentials',
  'vault.root.azure-key-vault.client-secret',
  'vault.root.transit.token',
  'vault.root.pkcs11.pin',
  'export.sinks.*.syslog.tls.key',
  'export.sinks.*.elastic.authorization',
  'export.sinks.*.splunk.token',
  'export.sinks.*.sentinel.client-secret',
  'export.sinks.*.webhook.key',
  'export.sinks.*.s3.secret-access-key',
  'export.sinks.*.nats.password',
  'export.sinks.*.kafka.password',
  'export.sinks.*.kafka.tls.key',
  'export.sinks.*.redact.key',
  'audit.seal',
  'intel.feeds.*.taxii.password',
  'intel.feeds.*.taxii.token',
  'intel.sightings.taxii.password',
  'intel.sightings.taxii.token',
];
const MAX_FILE_BYTES = 1_048_576;

export interface ResolvedTree {
  readonly data: unknown;
  /** Files that were read, absolute. */
  readonly files: readonly string[];
}

/** Replaces references in `data`; problems, literal secrets among them, go to `diagnostics`. */
export function resolveReferences(
  data: unknown,
  source: YamlSource,
  folder: string,
  env: Readonly<Record<string, string | undefined>>,
  diagnostics: Diagnostics,
  secrets: ReadonlyMap<string, VaultValue>,
): ResolvedTree {
  const files: string[] = [];

  const text = (value: string, path: Path): unknown => {
    const match = reference.exec(value);
    if (match === null) {
      if (isSecretPath(path) || privateKey.test(value) || apiKey.test(value)) {
        diagnostics.error(
          'config-literal-secret',
          source.place(path),
          `"${path.join('.')}" holds a secret in clear.`,
          'Put it into a file or the environment and refer to it: ${file:./secret} or ${env:SECRET}. Replace a secret that was committed.',
        );
        return undefined;
      }
      if (value.includes('${')) {
        diagnostics.error(
          'config-reference-syntax',
          source.place(path),
          `"${path.join('.')}" has a reference that is not its whole value.`,
          'Write the value as ${env:NAME} or ${file:path} and nothing else.',
        );
      }
      return value;
    }
    const [, kind, name] = match as unknown as [string, string, string];
    if (kind === 'env') {
      const found = env[name];
      if (found === undefined) {
        diagnostics.error(
          'config-reference-unresolved',
          source.place(path),
          `The environment has no variable ${name}.`,
          suggestVariable(name, env),
        );
        return undefined;
      }
      return isSecretPath(path) ? found : scalar(found);
    }
    if (kind === 'file') {
      const file = resolve(folder, name);
      try {
        const content = readFileSync(file);
        files.push(file);
        if (content.length > MAX_FILE_BYTES) throw new Error('EFBIG');
        const found = content.toString('utf8').replace(/\r?\n$/, '');
        return isSecretPath(path) ? found : scalar(found);
      } catch (error) {
        diagnostics.error(
          'config-reference-unresolved',
          source.place(path),
          `The file ${name} can not be read (${(error as NodeJS.ErrnoException).code ?? 'too large'}).`,
          'Paths are relative to the configuration file.',
        );
        return undefined;
      }
    }
    if (kind === 'vault') {
      const found = secrets.get(name);
      if (found?.kind === 'value') return isSecretPath(path) ? found.value : scalar(found.value);
      diagnostics.error(
        'config-reference-unresolved',
        source.place(path),
        `The vault does not give ${name}: ${found?.problem ?? 'what opens it can not come from it'}.`,
        'Write it as ${vault:secret/path#field}; "gatewright secrets put" stores it.',
      );
      return undefined;
    }
    const known = closestName(kind, ['env', 'file', 'vault']);
    diagnostics.error(
      'config-reference-syntax',
      source.place(path),
      `There are no ${kind} references.`,
      known === null
        ? 'Use ${env:NAME}, ${file:path} or ${vault:path#field}.'
        : `Did you mean \${${known}:${name}}?`,
    );
    return undefined;
  };

  const walk = (value: unknown, path: Path): unknown => {
    if (typeof value === 'string') return text(value, path);
    if (Array.isArray(value)) return value.map((entry, index) => walk(entry, [...path, index]));
    if (typeof value !== 'object' || value === null) return value;
    const out: Record<string, unknown> = {};
    for (const [key, entry] of Object.entries(value)) {
      Object.defineProperty(out, key, {
        value: walk(entry, [...path, key]),
        enumerable: true,
        configurable: true,
        writable: true,
      });
    }
    return out;
  };
  return { data: walk(data, []), files };
}

function isSecretPath(path: Path): boolean {
  return secretPaths.some((pattern) => {
    const parts = pattern.split('.');
    return parts.length === path.length && parts.every((part, i) => part === '*' || part === String(path[i]));
  });
}

/** Environment and files hold text; where it reads as a number or boolean it is one. */
function scalar(value: string): string | number | boolean {
  if (/^(?:0|[1-9]\d{0,14})$/.test(value)) return Number(value);
  return value === 'true' ? true : value === 'false' ? false : value;
}

function suggestVariable(name: string, env: Readonly<Record<string, string | undefined>>): string {
  const near = closestName(name, Object.keys(env));
  return near === null ? `Set ${name} before starting.` : `Did you mean ${near}?`;
}
