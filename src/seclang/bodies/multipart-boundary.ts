// The boundary that a Content-Type of multipart/form-data names. Whatever two parsers could read in two ways raises a
// flag or is an error.
import type { FlagsFound } from './multipart-flags.ts';

/** RFC 2046 section 5.1.1. */
const MAX_BOUNDARY_LENGTH = 70;
const boundaryCharacters = /^[0-9A-Za-z'()+_,\-./:=?]+$/;
const quotedCharacters = /^[0-9A-Za-z'()+_,\-./:=? ]*[0-9A-Za-z'()+_,\-./:=?]$/;

const mediaType = /multipart\/form-data(?=[ \t;,]|$)/iy;
const gap = /([ \t]*)(;?)([ \t]*)/y;
const parameter = /([!#$%&'*+\-.^_`|~0-9A-Za-z]+)([ \t]*=[ \t]*)?/y;
const quotedValue = /"((?:[^"\\]|\\[\s\S])*)"(?=[ \t;]|$)/y;
const plainValue = /[^;]*/y;

export type FoundBoundary =
  | { readonly kind: 'ok'; readonly boundary: string }
  | { readonly kind: 'error'; readonly message: string };

const wrong = (message: string): FoundBoundary => ({ kind: 'error', message });

export function findBoundary(contentType: string, flags: FlagsFound): FoundBoundary {
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(contentType);
    if (found !== null) at += found[0].length;
    return found;
  };
  if (take(mediaType) === null) return wrong('the content type is not multipart/form-data');
  let boundary: string | null = null;
  for (;;) {
    const between = take(gap)!;
    if (at >= contentType.length) break;
    if (between[2] === '') {
      if (between[1] === '') return wrong('the content type is malformed');
      flags.missingSemicolon = true;
    }
    const found = take(parameter);
    if (found === null) return wrong('the content type is malformed');
    const name = found[1]!;
    const isBoundary = name.toLowerCase() === 'boundary';
    if (isBoundary && name !== 'boundary') return wrong('boundary is written with capitals');
    if (found[2] === undefined) {
      if (isBoundary) return wrong('the boundary has no value');
      continue;
    }
    if (isBoundary && found[2] !== '=') flags.boundaryWhitespace = true;
    const quoted = take(quotedValue);
    const value = quoted === null ? take(plainValue)![0] : quoted[1]!;
    if (!isBoundary) continue;
    if (boundary !== null) return wrong('the content type names two boundaries');
    boundary = value;
    if (quoted !== null) {
      flags.boundaryQuoted = true;
      if (!quotedCharacters.test(value)) return wrong('the boundary holds a character that it may not');
    } else {
      const trimmed = value.replace(/[ \t]+$/, '');
      if (trimmed !== value) flags.boundaryWhitespace = true;
      if (value.includes('"')) return wrong('the boundary has a quote on one side or inside');
      if (trimmed !== '' && !boundaryCharacters.test(trimmed))
        return wrong('the boundary holds a character that it may not');
      boundary = trimmed;
    }
  }
  if (boundary === null) return wrong('the content type names no boundary');
  if (boundary === '') return wrong('the boundary is empty');
  if (boundary.length > MAX_BOUNDARY_LENGTH) return wrong('the boundary is too long');
  return { kind: 'ok', boundary };
}
