// HOT. The Cookie fields of a request as names and values, nothing decoded. A piece without `=` is a name with an empty value.

import { NamedValues } from './named-values.ts';

export function parseCookies(headers: NamedValues): NamedValues {
  const cookies = new NamedValues();
  const lowerNames = headers.lowerNames();
  for (let i = 0; i < lowerNames.length; i++) {
    if (lowerNames[i] === 'cookie') addCookies(headers.values[i]!, cookies);
  }
  return cookies;
}

function addCookies(text: string, cookies: NamedValues): void {
  let from = 0;
  while (from < text.length) {
    let end = text.indexOf(';', from);
    if (end === -1) end = text.length;
    while (from < end && text.charCodeAt(from) <= 32) from++;
    if (from < end) {
      const equals = text.indexOf('=', from);
      if (equals === -1 || equals >= end) cookies.add(text.slice(from, end), '');
      else cookies.add(text.slice(from, equals), text.slice(equals + 1, end));
    }
    from = end + 1;
  }
}
