// Bodies of the type application/x-www-form-urlencoded (WHATWG URL section 5), read strictly: valid UTF-8 and percent
// encoding, no member twice unless it is a list.
import type { ContractMedia } from '../contract.ts';
import { article, decodeText, INVALID, primitive } from '../primitive.ts';
import type { SchemaSet, SchemaValidator } from '../schema-set.ts';
import { type BodyError, FormValues, type Member, membersOf, pointerOf, readValue } from './members.ts';

const MAX_MEMBERS = 1000;
const separators: Readonly<Record<string, string>> = { form: ',', spaceDelimited: ' ', pipeDelimited: '|' };

const problem = (reason: string, name: string, message: string): BodyError => ({
  reason: `form-${reason}`,
  pointer: name === '' ? '' : pointerOf(name),
  message,
});

/** A reader of such bodies; what it reads is judged by `validate`. */
export function compileUrlEncoded(
  media: ContractMedia,
  set: SchemaSet,
  validate: SchemaValidator,
): (body: Uint8Array) => BodyError | null {
  const members = membersOf(media, set);
  return (body) => {
    const text = Buffer.from(body.buffer, body.byteOffset, body.length).toString('latin1');
    // Everything beyond ASCII is percent-encoded.
    if (/[^\x21-\x7e]/.test(text)) return problem('encoding', '', 'has characters that are not encoded');
    const values = new FormValues(members);
    const parts = text.split('&');
    if (parts.length > MAX_MEMBERS) return problem('members', '', `has more than ${MAX_MEMBERS} members`);
    for (const part of parts) {
      if (part === '') return problem('syntax', '', 'has an empty member');
      const equals = part.indexOf('=');
      const name = decodeText(equals === -1 ? part : part.slice(0, equals));
      const value = equals === -1 ? '' : decodeText(part.slice(equals + 1));
      if (name === null || value === null) return problem('encoding', '', 'is not valid UTF-8');
      const error = take(values, name, value);
      if (error !== null) return error;
    }
    const error = validate(values.value);
    return error === null
      ? null
      : { reason: `schema-${error.keyword}`, pointer: error.pointer, message: error.message };
  };
}

function take(values: FormValues, name: string, text: string): BodyError | null {
  const deep = values.member(name) === undefined ? deepMember(values, name) : null;
  if (deep !== null) return takeDeep(values, deep, name, text);
  const member = values.member(name);
  if (member?.kind === 'array' && member.encoding !== null && !member.encoding.explode)
    return takeDelimited(values, member, name, text);
  const kind = member === undefined ? 'string' : member.kind === 'array' ? member.itemKind : member.kind;
  const value = readValue(kind, text);
  if (value === INVALID) return problem('type', name, `must be ${article(kind)}`);
  return values.add(name, value) ? null : problem('repeated', name, 'comes more than once');
}

function takeDelimited(values: FormValues, member: Member, name: string, text: string): BodyError | null {
  if (Object.hasOwn(values.value, name)) return problem('repeated', name, 'comes more than once');
  const separator = separators[member.encoding!.style] ?? ',';
  const list = text === '' ? [] : text.split(separator).map((part) => primitive(member.itemKind, part));
  if (list.includes(INVALID))
    return problem('type', name, `must be a list, each ${article(member.itemKind)}`);
  Object.defineProperty(values.value, name, {
    value: list,
    enumerable: true,
    configurable: true,
    writable: true,
  });
  return null;
}

/** `filter[name]`, where the contract says that `filter` is written so. */
function deepMember(values: FormValues, name: string): { base: string; key: string; member: Member } | null {
  const match = /^([^[\]]+)\[([^[\]]+)\]$/.exec(name);
  const member = match === null ? undefined : values.member(match[1]!);
  return member?.encoding?.style === 'deepObject' ? { base: match![1]!, key: match![2]!, member } : null;
}

function takeDeep(
  values: FormValues,
  { base, key, member }: { base: string; key: string; member: Member },
  name: string,
  text: string,
): BodyError | null {
  if (!Object.hasOwn(values.value, base)) values.add(base, {});
  const target = values.value[base] as Record<string, unknown>;
  if (Object.hasOwn(target, key)) return problem('repeated', name, 'comes more than once');
  const kind = member.members.get(key) ?? 'string';
  const value = primitive(kind, text);
  if (value === INVALID) return problem('type', name, `must be ${article(kind)}`);
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  return null;
}
