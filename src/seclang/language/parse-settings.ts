// Directives that set one thing. Those about logs, files and the server around the engine are accepted and do nothing, so that
// a `modsecurity.conf` loads as it is.

import { closestName, type Diagnostics } from '../../core/index.ts';
import type { Setting, SettingNode } from './ast.ts';
import type { LexedDirective } from './lexer.ts';
import { parseMode } from './parse-control.ts';

type SettingReader = (value: string, values: readonly string[]) => Setting | string;

const onOff =
  (kind: 'request-body-access' | 'response-body-access'): SettingReader =>
  (value) => {
    const word = value.toLowerCase();
    return word === 'on' || word === 'off' ? { kind, isOn: word === 'on' } : `"${value}" is not On or Off.`;
  };

const number =
  (max: number, make: (n: number) => Setting): SettingReader =>
  (value) =>
    /^\d{1,12}$/.test(value) && Number(value) <= max
      ? make(Number(value))
      : `"${value}" is not a number from 0 to ${max}.`;

const limitAction =
  (kind: 'request-body-limit-action' | 'response-body-limit-action'): SettingReader =>
  (value) => {
    const word = value.toLowerCase();
    if (word === 'reject') return { kind, action: 'reject' };
    return word === 'processpartial'
      ? { kind, action: 'process-partial' }
      : `"${value}" is not Reject or ProcessPartial.`;
  };

const mode: SettingReader = (value) => {
  const parsed = parseMode(value);
  return parsed === null ? `"${value}" is not On, Off or DetectionOnly.` : { kind: 'engine', mode: parsed };
};

/** Bodies are held in memory, so limits stop at a gibibyte. */
const MAX_BODY_BYTES = 1_073_741_824;

const readers: ReadonlyMap<string, SettingReader> = new Map<string, SettingReader>([
  ['SecRuleEngine', mode],
  ['SecRequestBodyAccess', onOff('request-body-access')],
  ['SecResponseBodyAccess', onOff('response-body-access')],
  ['SecRequestBodyLimit', number(MAX_BODY_BYTES, (bytes) => ({ kind: 'request-body-limit', bytes }))],
  [
    'SecRequestBodyNoFilesLimit',
    number(MAX_BODY_BYTES, (bytes) => ({ kind: 'request-body-no-files-limit', bytes })),
  ],
  ['SecResponseBodyLimit', number(MAX_BODY_BYTES, (bytes) => ({ kind: 'response-body-limit', bytes }))],
  ['SecRequestBodyLimitAction', limitAction('request-body-limit-action')],
  ['SecResponseBodyLimitAction', limitAction('response-body-limit-action')],
  [
    'SecResponseBodyMimeType',
    (_, values) => ({ kind: 'response-body-mime-types', types: values.map((v) => v.toLowerCase()) }),
  ],
  ['SecArgumentsLimit', number(1_000_000, (count) => ({ kind: 'arguments-limit', count }))],
  ['SecRequestBodyJsonDepthLimit', number(10_000, (depth) => ({ kind: 'json-depth-limit', depth }))],
  [
    'SecArgumentSeparator',
    (value) =>
      value.length === 1
        ? { kind: 'argument-separator', separator: value }
        : `"${value}" is not one character.`,
  ],
  ['SecCollectionTimeout', number(2_147_483_647, (seconds) => ({ kind: 'collection-timeout', seconds }))],
  ['SecComponentSignature', (text) => ({ kind: 'component-signature', text })],
  ['SecWebAppId', (id) => ({ kind: 'web-application-id', id })],
]);

/** Directives without arguments, or with any number of them, that have no effect. */
const noEffect = [
  'SecAuditEngine',
  'SecAuditLog',
  'SecAuditLog2',
  'SecAuditLogDirMode',
  'SecAuditLogFileMode',
  'SecAuditLogFormat',
  'SecAuditLogParts',
  'SecAuditLogPrefix',
  'SecAuditLogRelevantStatus',
  'SecAuditLogStorageDir',
  'SecAuditLogType',
  'SecChrootDir',
  'SecConnEngine',
  'SecConnReadStateLimit',
  'SecConnWriteStateLimit',
  'SecContentInjection',
  'SecCookieFormat',
  'SecCookieV0Separator',
  'SecDataDir',
  'SecDebugLog',
  'SecDebugLogLevel',
  'SecDisableBackendCompression',
  'SecGsbLookupDb',
  'SecGuardianLog',
  'SecHashEngine',
  'SecHashKey',
  'SecHashMethodPm',
  'SecHashMethodRx',
  'SecHashParam',
  'SecHttpBlKey',
  'SecInterceptOnError',
  'SecParseXmlIntoArgs',
  'SecPcreMatchLimit',
  'SecPcreMatchLimitRecursion',
  'SecRequestBodyInMemoryLimit',
  'SecResponseBodyMimeTypesClear',
  'SecRulePerfTime',
  'SecRuleInheritance',
  'SecSensorId',
  'SecServerSignature',
  'SecStatusEngine',
  'SecStreamInBodyInspection',
  'SecStreamOutBodyInspection',
  'SecTmpDir',
  'SecTmpSaveUploadedFiles',
  'SecUnicodeCodePage',
  'SecUnicodeMapFile',
  'SecUploadDir',
  'SecUploadFileLimit',
  'SecUploadFileMode',
  'SecUploadKeepFiles',
  'SecXmlExternalEntity',
];

export const settingNames: readonly string[] = [...readers.keys(), ...noEffect];

/** The node, null when it is reported as wrong, or undefined when the directive is none of these. */
export function parseSetting(
  directive: LexedDirective,
  name: string,
  diagnostics: Diagnostics,
): SettingNode | null | undefined {
  const { place } = directive;
  const reader = readers.get(name);
  if (reader === undefined) {
    if (!noEffect.includes(name)) return undefined;
    if (name === 'SecResponseBodyMimeTypesClear') {
      return { kind: 'setting', place, setting: { kind: 'response-body-mime-types', types: [] } };
    }
    return { kind: 'setting', place, setting: { kind: 'no-effect', name } };
  }
  const [first, ...rest] = directive.arguments;
  if (first === undefined || (rest.length > 0 && name !== 'SecResponseBodyMimeType')) {
    diagnostics.error('seclang-arguments', place, `${name} wants one argument.`);
    return null;
  }
  const setting = reader(
    first.text,
    directive.arguments.map((a) => a.text),
  );
  if (typeof setting === 'string') {
    diagnostics.error('seclang-value', first.placeAt(0), setting);
    return null;
  }
  return { kind: 'setting', place, setting };
}

/** What a user may have meant by an unknown directive. */
export function closestDirective(name: string, known: readonly string[]): string {
  const close = closestName(name, known);
  return close === null ? '' : `Did you mean ${close}?`;
}
