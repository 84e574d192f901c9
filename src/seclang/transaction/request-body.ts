// Between phases 1 and 2: the body becomes arguments, files or a tree, as the processor says that rules and Content-Type chose.

import { parseBody } from '../bodies/index.ts';
import type { BodyProcessor, ParsedBody } from '../contract.ts';
import type { TransactionState } from './state.ts';
import { parseUrlEncoded } from './url-encoded.ts';

export function parseRequestBody(state: TransactionState): void {
  if (!state.requestBodyAccess) return;
  const { rawBody, bodyProcessor } = state;
  const { settings } = state.profile.ruleSet;
  // Raw text only where a pattern can make sense of it: of a file or a document it would only see the wrapping.
  const isText = bodyProcessor !== 'MULTIPART' && bodyProcessor !== 'XML';
  if (isText || state.forcesRequestBody) state.requestBody = rawBody;
  if (bodyProcessor === '' || (rawBody === '' && bodyProcessor !== 'MULTIPART')) return;
  if (bodyProcessor !== 'MULTIPART' && rawBody.length > settings.requestBodyNoFilesLimitBytes) {
    state.bodyError = 'The body without files is over its limit.';
    return;
  }
  const maxArguments = settings.maxArguments - state.queryArguments.count;
  if (bodyProcessor === 'URLENCODED') {
    const { argumentSeparator } = settings;
    if (parseUrlEncoded(rawBody, argumentSeparator, maxArguments, state.bodyArguments)) {
      state.hasMalformedEscape = true;
    }
    return;
  }
  const contentType = state.headers.first('content-type') ?? '';
  const limits = { maxArguments, maxDepth: settings.maxDepth };
  keep(state, parseBody(bodyProcessor as BodyProcessor, rawBody, contentType, limits));
}

function keep(state: TransactionState, parsed: ParsedBody): void {
  for (let i = 0; i < parsed.args.length; i++) {
    state.bodyArguments.add(parsed.args[i]!.name, parsed.args[i]!.value);
  }
  state.files = parsed.files;
  state.partHeaders = parsed.partHeaders;
  state.multipart = parsed.multipart;
  state.xml = parsed.xml;
  state.bodyError = parsed.error;
}
