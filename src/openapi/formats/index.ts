// Formats of JSON Schema that ajv-formats does not know or does not hold to their RFCs.
import { isIPv4, isIPv6 } from 'node:net';
import { isHostName, isIdnHostName } from './host-name.ts';
import { isIri, isIriReference, isUri, isUriReference, isUriTemplate } from './identifiers.ts';

const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function isDate(text: string): boolean {
  const match = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
  if (match === null) return false;
  const [year, month, day] = match.slice(1).map(Number) as [number, number, number];
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month >= 1 && month <= 12 && day >= 1 && day <= (month === 2 && isLeap ? 29 : DAYS[month - 1]!);
}

/** RFC 3339 section 5.6; a leap second is one in UTC. */
function isTime(text: string): boolean {
  const match = /^(\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[Zz]|([+-])(\d\d):(\d\d))$/.exec(text);
  if (match === null) return false;
  const [hour, minute, second] = match.slice(1, 4).map(Number) as [number, number, number];
  const offset = [Number(match[5] ?? 0), Number(match[6] ?? 0)] as const;
  if (hour > 23 || minute > 59 || second > 60 || offset[0] > 23 || offset[1] > 59) return false;
  if (second < 60) return true;
  const shift = (offset[0] * 60 + offset[1]) * (match[4] === '-' ? 1 : -1);
  return (hour * 60 + minute + shift + 2880) % 1440 === 1439;
}

const isDateTime = (text: string): boolean =>
  /^.{10}[Tt]/.test(text) && isDate(text.slice(0, 10)) && isTime(text.slice(11));

/** RFC 3339 appendix A. */
const duration =
  /^P(?:\d+W|(?=\d|T\d)(?:\d+Y(?:\d+M(?:\d+D)?)?|\d+M(?:\d+D)?|\d+D)?(?:T(?:\d+H(?:\d+M(?:\d+S)?)?|\d+M(?:\d+S)?|\d+S))?)$/;

/** RFC 5321 section 4.1.2, RFC 6531. */
function isMailbox(text: string, isInternational: boolean): boolean {
  const at = text.lastIndexOf('@');
  if (at < 1) return false;
  const local = text.slice(0, at);
  const domain = text.slice(at + 1);
  const extra = isInternational ? '\\u0080-\\u{10ffff}' : '';
  const atom = `[A-Za-z0-9!#$%&'*+\\-/=?^_\`{|}~${extra}]+`;
  const quoted = `"(?:[\\x20-\\x21\\x23-\\x5b\\x5d-\\x7e${extra}]|\\\\[\\x20-\\x7e])*"`;
  if (local.length > 64 || !new RegExp(`^(?:${atom}(?:\\.${atom})*|${quoted})$`, 'u').test(local))
    return false;
  if (!domain.startsWith('['))
    return isInternational ? isIdnHostName(domain.normalize('NFC')) : isHostName(domain);
  if (!domain.endsWith(']')) return false;
  const address = domain.slice(1, -1);
  return address.startsWith('IPv6:') ? isIPv6(address.slice(5)) && !address.includes('%') : isIPv4(address);
}

function isExpression(text: string): boolean {
  try {
    return new RegExp(text, 'u') instanceof RegExp;
  } catch {
    return false;
  }
}

export const formats: Readonly<Record<string, RegExp | ((text: string) => boolean)>> = {
  date: isDate,
  time: isTime,
  'date-time': isDateTime,
  duration,
  email: (text) => isMailbox(text, false),
  'idn-email': (text) => isMailbox(text, true),
  hostname: isHostName,
  'idn-hostname': isIdnHostName,
  uri: isUri,
  'uri-reference': isUriReference,
  iri: isIri,
  'iri-reference': isIriReference,
  'uri-template': isUriTemplate,
  uuid: /^[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}$/,
  regex: isExpression,
};
