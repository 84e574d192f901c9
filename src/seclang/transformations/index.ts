// Transformations by their names in ModSecurity, case-insensitive.
import type { Transformation } from '../contract.ts';
import {
  base64Decode,
  base64DecodeExt,
  base64Encode,
  hexDecode,
  hexEncode,
  sqlHex,
  sqlHexDecode,
} from './base64.ts';
import { cmdLine, cmdLineChanges } from './command-line.ts';
import { removeComments, removeCommentsChar, replaceComments } from './comments.ts';
import { lengthOf, md5, sha1 } from './digests.ts';
import { cssDecode, escapeSeqDecode, jsDecode } from './escapes.ts';
import { htmlEntityDecode } from './html-entity.ts';
import { normalizePath, normalizePathWin, pathChanges, winPathChanges } from './path.ts';
import { urlDecode, urlDecodeUni, urlEncode } from './url.ts';
import { beyondAscii, parityEven7bit, parityOdd7bit, parityZero7bit, utf8toUnicode } from './utf8.ts';
import {
  compressWhitespace,
  loneSpace,
  lowercase,
  removedSpace,
  removeNulls,
  removeWhitespace,
  replaceNulls,
  trim,
  trimLeft,
  trimRight,
  uppercase,
} from './whitespace.ts';

const none = (value: string): string => value;
const nothing = /[^\s\S]/;

const rows: readonly (readonly [string, (value: string) => string, RegExp | null])[] = [
  ['base64Decode', base64Decode, null],
  ['base64DecodeExt', base64DecodeExt, null],
  ['base64Encode', base64Encode, null],
  ['cmdLine', cmdLine, cmdLineChanges],
  ['compressWhitespace', compressWhitespace, loneSpace],
  ['cssDecode', cssDecode, /\\/],
  ['escapeSeqDecode', escapeSeqDecode, /\\/],
  ['hexDecode', hexDecode, null],
  ['hexEncode', hexEncode, null],
  ['htmlEntityDecode', htmlEntityDecode, /&/],
  ['jsDecode', jsDecode, /\\/],
  ['length', lengthOf, null],
  ['lowercase', lowercase, /[A-Z]/],
  ['md5', md5, null],
  ['none', none, nothing],
  ['normalisePath', normalizePath, pathChanges],
  ['normalisePathWin', normalizePathWin, winPathChanges],
  ['normalizePath', normalizePath, pathChanges],
  ['normalizePathWin', normalizePathWin, winPathChanges],
  ['parityEven7bit', parityEven7bit, null],
  ['parityOdd7bit', parityOdd7bit, null],
  ['parityZero7bit', parityZero7bit, beyondAscii],
  ['removeComments', removeComments, /\/\*|<!--|--|#/],
  ['removeCommentsChar', removeCommentsChar, /[*#]|--/],
  ['removeNulls', removeNulls, /\0/],
  ['removeWhitespace', removeWhitespace, removedSpace],
  ['replaceComments', replaceComments, /\/\*/],
  ['replaceNulls', replaceNulls, /\0/],
  ['sha1', sha1, null],
  ['sqlHexDecode', sqlHexDecode, sqlHex],
  ['trim', trim, /^[\t-\r ]|[\t-\r ]$/],
  ['trimLeft', trimLeft, /^[\t-\r ]/],
  ['trimRight', trimRight, /[\t-\r ]$/],
  ['uppercase', uppercase, /[a-z]/],
  ['urlDecode', urlDecode, /[%+]/],
  ['urlDecodeUni', urlDecodeUni, /[%+]/],
  ['urlEncode', urlEncode, /[^a-zA-Z0-9*]/],
  ['utf8toUnicode', utf8toUnicode, beyondAscii],
];

const byName: ReadonlyMap<string, Transformation> = new Map(
  rows.map(([name, run, changesOnly]) => [
    name.toLowerCase(),
    {
      name,
      run,
      changesOnly,
      changesCaseOnly: run === lowercase || run === uppercase,
      decodesPlus: run === urlDecode || run === urlDecodeUni,
    },
  ]),
);

export const transformationNames: readonly string[] = rows.map(([name]) => name);

/** The transformation called `name` in any case, or null. */
export const findTransformation = (name: string): Transformation | null =>
  byName.get(name.toLowerCase()) ?? null;
