// HOT
// `a=1&b=2`: bodies and query strings. Coding that is not valid stays as it is; nothing here is an error but too many
// arguments.
import type { NamedValue, ParsedBody } from '../contract.ts';
import { findTransformation } from '../transformations/index.ts';
import { BodyBuilder } from './parsed.ts';

const urlDecode = findTransformation('urlDecode')!.run;

/** Pairs of `text`; at most `most` + 1, so that one too many shows. */
export function parseArguments(text: string, separator: string, most: number): NamedValue[] {
  const args: NamedValue[] = [];
  const length = text.length;
  for (let start = 0; start < length && args.length <= most; ) {
    let end = text.indexOf(separator, start);
    if (end < 0) end = length;
    let equals = text.indexOf('=', start);
    if (equals < 0 || equals > end) equals = end;
    args.push({
      name: urlDecode(text.slice(start, equals)),
      value: equals < end ? urlDecode(text.slice(equals + 1, end)) : '',
    });
    start = end + 1;
  }
  return args;
}

export function parseUrlEncodedBody(body: string, separator: string, maxArguments: number): ParsedBody {
  const builder = new BodyBuilder(maxArguments);
  for (const { name, value } of parseArguments(body, separator, maxArguments))
    if (!builder.add(name, value)) break;
  return builder.done();
}
