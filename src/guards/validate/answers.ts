// Answers against their contract, so that what a service says by mistake ends here: statuses and content types that
// nobody declared, members that no schema names, secrets that only a request may carry. What can not be read (encoded, a
// part, too long) can not be shown to hold, and counts as broken. HOT
import { type Decision, type Exchange, type Guard, noHooks, Refusal } from '../../exchange/index.ts';
import type { FieldList } from '../../http/fields/index.ts';
import {
  type ContractOperation,
  type ContractResponse,
  compileProjection,
  isJsonType,
  JsonBody,
  parseJsonBody,
  type RunProjection,
  type SchemaSet,
  type SchemaValidator,
} from '../../openapi/index.ts';
import type { ValidateAnswersConfig, ValidateConfig } from './contract.ts';
import { charsetIsUtf8, type MediaRow, rowOf } from './media-rows.ts';

interface AnswerRow extends MediaRow {
  readonly isJson: boolean;
  readonly validate: SchemaValidator | null;
  readonly strip: RunProjection | null;
}

interface StatusRow {
  readonly content: readonly AnswerRow[];
}

const json = new JsonBody();
/** In place of a row: the contract knows of no body. */
const mustBeEmpty: AnswerRow = { mediaType: '', isJson: false, validate: null, strip: null };
/** Fields by which a client would get a part of the answer, or one that must be decoded to be read. */
const partial = ['range', 'if-range'];
/** Answer fields that tell of the bytes before something was taken from them. */
const telling = ['etag', 'content-md5', 'digest', 'repr-digest', 'content-digest'];
/** Request fields that ask for word of those. */
const asking = ['if-none-match', 'te', 'want-repr-digest', 'want-content-digest'];
/** Characters of a JSON Pointer in the record. */
const MAX_POINTER = 128;

/** Guard for one operation; null when no answer is documented or answers are not judged. */
export function compileValidateAnswers(
  operation: ContractOperation,
  set: SchemaSet,
  document: unknown,
  config: ValidateConfig,
  random: () => number = Math.random,
): Guard | null {
  const { answers } = config;
  const responses = operation.responses ?? [];
  if (answers === null || responses.length === 0) return null;
  const judge = new AnswerJudge(responses, set, document, config, answers, random);
  return {
    ...noHooks,
    name: 'validate',
    onRequest: (exchange) => judge.onRequest(exchange),
    onAnswer: (exchange, status, fields) => judge.onAnswer(exchange, status, fields),
    onAnswerBody: (exchange, body, whole) => judge.onAnswerBody(exchange, body, whole),
  };
}

class AnswerJudge {
  readonly #byStatus = new Map<string, StatusRow>();
  readonly #config: ValidateAnswersConfig;
  readonly #random: () => number;
  readonly #readsJson: boolean;
  readonly #takesRanges: boolean;

  constructor(
    responses: readonly ContractResponse[],
    set: SchemaSet,
    document: unknown,
    validate: ValidateConfig,
    config: ValidateAnswersConfig,
    random: () => number,
  ) {
    this.#config = config;
    this.#random = random;
    const { undocumentedFields } = validate;
    for (const { status, content } of responses) {
      const rows = content.map(({ mediaType, schema }): AnswerRow => {
        const isJson = isJsonType(mediaType);
        const isJudged = isJson && schema !== null;
        return {
          mediaType,
          isJson,
          validate: isJudged ? set.lazy(schema, { undocumentedFields, refuse: 'writeOnly' }) : null,
          strip: isJudged && config.mode === 'strip' ? compileProjection(schema, document) : null,
        };
      });
      this.#byStatus.set(status.toUpperCase(), { content: rows });
    }
    const all = [...this.#byStatus.values()].flatMap(({ content }) => content);
    this.#readsJson = all.some(({ isJson }) => isJson);
    this.#takesRanges = this.#byStatus.has('206') || all.some(({ isJson }) => !isJson);
  }

  onRequest(exchange: Exchange): null {
    if (!this.#readsJson) return null;
    const { fields } = exchange;
    fields.remove('accept-encoding');
    fields.append('accept-encoding', 'identity');
    if (this.#config.mode === 'report') return null;
    if (!this.#takesRanges) for (let i = 0; i < partial.length; i++) fields.remove(partial[i]!);
    if (this.#config.mode === 'strip') for (let i = 0; i < asking.length; i++) fields.remove(asking[i]!);
    return null;
  }

  onAnswer(exchange: Exchange, status: number, fields: FieldList): Decision {
    exchange.answerRow = null;
    // A checked upgrade, and the word that nothing has changed, have no content of their own.
    if (status === 101 || (status === 304 && (exchange.method === 'GET' || exchange.method === 'HEAD')))
      return null;
    const found = this.#rowsOf(status);
    if (found === null) return this.#broken(exchange, 'status', String(status));
    const type = fields.get('content-type');
    const isBodiless = exchange.method === 'HEAD' || status === 204 || status === 205;
    if (type === null || found.content.length === 0) {
      if (isBodiless) return null;
      // Without a type only an empty body is read in one way.
      return this.#hold(exchange, mustBeEmpty, 1);
    }
    const row = rowOf(type, found.content);
    if (row === null) return this.#broken(exchange, 'content-type', type.slice(0, MAX_POINTER));
    if (isBodiless || !row.isJson) return null;
    if (!charsetIsUtf8(type)) return this.#broken(exchange, 'charset', '');
    const coding = fields.get('content-encoding');
    if (coding !== null && coding.toLowerCase() !== 'identity') {
      return this.#broken(exchange, 'content-encoding', '');
    }
    if (status === 206) return this.#broken(exchange, 'partial-content', '');
    const { sample, mode, limitBytes } = this.#config;
    if (sample !== null && exchange.answerLength > sample.aboveBytes && this.#random() >= sample.share)
      return null;
    if (mode === 'strip') {
      for (let i = 0; i < telling.length; i++) fields.remove(telling[i]!);
      exchange.hidesLength = true;
    }
    return this.#hold(exchange, row, limitBytes);
  }

  #hold(exchange: Exchange, row: AnswerRow, limitBytes: number): null {
    exchange.answerRow = row;
    exchange.answerLimit = Math.max(exchange.answerLimit, limitBytes);
    return null;
  }

  onAnswerBody(exchange: Exchange, body: Uint8Array, whole: boolean): Decision {
    const row = exchange.answerRow as AnswerRow | null;
    if (row === null) return null;
    if (row === mustBeEmpty) return body.length === 0 ? null : this.#broken(exchange, 'body-undeclared', '');
    if (!whole || body.length > this.#config.limitBytes) return this.#broken(exchange, 'answer-limit', '');
    if (body.length === 0) return this.#broken(exchange, 'body-missing', '');
    parseJsonBody(body, json, true);
    if (json.problem !== null) return this.#broken(exchange, `json-${json.problem}`, '');
    const { value } = json;
    json.value = undefined;
    const cut = row.strip === null ? null : row.strip(value);
    if (cut !== null && json.isInexact) return this.#broken(exchange, 'json-number-range', cut);
    const error = row.validate === null ? null : row.validate(value);
    if (error !== null) return this.#broken(exchange, `schema-${error.keyword}`, error.pointer);
    if (cut !== null) {
      exchange.answerFinding = `stripped ${cut.slice(0, MAX_POINTER)}`;
      exchange.answerBody = Buffer.from(JSON.stringify(value));
    }
    return null;
  }

  #rowsOf(status: number): StatusRow | null {
    const exact = this.#byStatus.get(String(status));
    if (exact !== undefined) return exact;
    // A part of an answer is described as the whole is.
    const whole = status === 206 && this.#takesRanges ? this.#byStatus.get('200') : undefined;
    if (whole !== undefined) return whole;
    return this.#byStatus.get(`${Math.floor(status / 100)}XX`) ?? this.#byStatus.get('DEFAULT') ?? null;
  }

  #broken(exchange: Exchange, reason: string, where: string): Decision {
    exchange.answerFinding = where === '' ? reason : `${reason} ${where.slice(0, MAX_POINTER)}`;
    if (this.#config.mode === 'report') return null;
    return new Refusal('response-contract-broken', 'validate', `answer-${reason}`);
  }
}
