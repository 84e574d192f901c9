// Whole bodies to arguments, files and trees. Pure; what is wrong with a body is said in its `error`.
import type { BodyLimits, BodyProcessor, ParsedBody } from '../contract.ts';
import { parseJsonBody } from './json.ts';
import { parseMultipartBody } from './multipart.ts';
import { parseUrlEncodedBody } from './url-encoded.ts';
import { parseXmlBody } from './xml.ts';

export { parseArguments } from './url-encoded.ts';

/** `body` is latin1, one char a byte. `contentType` is the whole field; only MULTIPART reads it. */
export function parseBody(
  processor: BodyProcessor,
  body: string,
  contentType: string,
  limits: BodyLimits,
  argumentSeparator = '&',
): ParsedBody {
  switch (processor) {
    case 'URLENCODED':
      return parseUrlEncodedBody(body, argumentSeparator, limits.maxArguments);
    case 'MULTIPART':
      return parseMultipartBody(body, contentType, limits);
    case 'JSON':
      return parseJsonBody(body, limits);
    case 'XML':
      return parseXmlBody(body, limits);
  }
}
