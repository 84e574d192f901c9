// `ctl:option=value`: what a rule changes for the rest of its transaction.

import type { Diagnostics } from '../../core/index.ts';
import type { EngineMode } from '../contract.ts';
import type { Control, IdRange, RuleSelector } from './ast.ts';
import type { SourceText } from './lexer.ts';
import { parseTarget } from './parse-targets.ts';

/** The control, or what is wrong. */
export function parseControl(source: SourceText, diagnostics: Diagnostics): Control | string {
  const { text } = source;
  const equals = text.indexOf('=');
  if (equals === -1) return `ctl wants an option and a value, not "${text}".`;
  const option = text.slice(0, equals).trim();
  const value = text.slice(equals + 1).trim();
  switch (option.toLowerCase()) {
    case 'ruleengine': {
      const mode = parseMode(value);
      return mode === null ? `"${value}" is not On, Off or DetectionOnly.` : { kind: 'engine', mode };
    }
    case 'requestbodyaccess':
      return onOff(value, 'request-body-access');
    case 'responsebodyaccess':
      return onOff(value, 'response-body-access');
    case 'forcerequestbodyvariable':
      return onOff(value, 'force-request-body');
    case 'requestbodyprocessor':
      return /^(?:URLENCODED|MULTIPART|JSON|XML)$/i.test(value)
        ? { kind: 'request-body-processor', processor: value.toUpperCase() }
        : `There is no body processor "${value}"; there are URLENCODED, MULTIPART, JSON and XML.`;
    case 'ruleremovebyid': {
      const ranges = parseIdRanges(value);
      return ranges === null
        ? `"${value}" is no id or range of ids.`
        : { kind: 'remove-rules', selector: { kind: 'ids', ranges } };
    }
    case 'ruleremovebytag':
      return { kind: 'remove-rules', selector: { kind: 'tag', pattern: value } };
    case 'ruleremovebymsg':
      return { kind: 'remove-rules', selector: { kind: 'message', pattern: value } };
    case 'ruleremovetargetbyid':
    case 'ruleremovetargetbytag':
    case 'ruleremovetargetbymsg':
      return removeTargets(option.toLowerCase(), source, equals + 1, diagnostics);
    case 'auditengine':
    case 'auditlogparts':
    case 'debugloglevel':
    case 'requestbodylimit':
    case 'responsebodylimit':
    case 'hashengine':
    case 'hashenforcement':
    case 'parsexmlintoargs':
      return { kind: 'no-effect', name: option };
    default:
      return `ctl has no option ${option}.`;
  }
}

export function parseMode(value: string): EngineMode | null {
  switch (value.toLowerCase()) {
    case 'on':
      return 'on';
    case 'off':
      return 'off';
    case 'detectiononly':
      return 'detection-only';
    default:
      return null;
  }
}

/** `1`, `1-5`, and several of them behind blanks or commas; null when it is something else. */
export function parseIdRanges(text: string): IdRange[] | null {
  const ranges: IdRange[] = [];
  for (const part of text.split(/[\s,]+/)) {
    if (part === '') continue;
    const match = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(part);
    if (match === null) return null;
    const from = Number(match[1]);
    ranges.push({ from, to: match[2] === undefined ? from : Number(match[2]) });
  }
  return ranges.length === 0 ? null : ranges;
}

function onOff(
  value: string,
  kind: 'request-body-access' | 'response-body-access' | 'force-request-body',
): Control | string {
  const word = value.toLowerCase();
  if (word !== 'on' && word !== 'off') return `"${value}" is not On or Off.`;
  return { kind, isOn: word === 'on' };
}

function removeTargets(
  option: string,
  source: SourceText,
  from: number,
  diagnostics: Diagnostics,
): Control | string {
  const semicolon = source.text.indexOf(';', from);
  if (semicolon === -1) return `"${source.text.slice(from)}" names no target behind a semicolon.`;
  const left = source.text.slice(from, semicolon).trim();
  let selector: RuleSelector;
  if (option.endsWith('id')) {
    const ranges = parseIdRanges(left);
    if (ranges === null) return `"${left}" is no id or range of ids.`;
    selector = { kind: 'ids', ranges };
  } else {
    selector = { kind: option.endsWith('tag') ? 'tag' : 'message', pattern: left };
  }
  const target = parseTarget(source.slice(semicolon + 1, source.text.length), diagnostics);
  return { kind: 'remove-targets', selector, target };
}
