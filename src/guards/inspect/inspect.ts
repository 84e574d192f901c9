// Requests and answers against rules. The engine sees what the upstream gets: the normalised path, the query and fields
// that go on, and the whole body; of an answer what the upstream sent, before anything is taken from it. What can not be
// inspected (too long, encoded, too much work) is refused as what must not pass, but for detection mode, which changes nothing. HOT
import type { ErrorCode } from '../../core/index.ts';
import {
  Answer,
  type Decision,
  type Exchange,
  type Guard,
  LENGTH_UNKNOWN,
  noHooks,
  Refusal,
} from '../../exchange/index.ts';
import type { FieldList } from '../../http/fields/index.ts';
import type { Interruption } from '../../seclang/index.ts';
import type { InspectConfig } from './contract.ts';
import { decodeBody, isCoded } from './decode.ts';
import { Inspection } from './inspection.ts';
import { matchesType } from './media-types.ts';
import { asJson, hasReader, runClientMessage, runServerMessage, textOf } from './messages.ts';
import { reportFailure } from './report-failure.ts';
import type { InspectionRules } from './rules.ts';

const requestTooLarge = new Refusal('request-body-too-large', 'inspect', 'inspection-limit');
const codingRefused = new Refusal('content-coding-unsupported', 'inspect', 'content-encoding');
const answerTooLarge = new Refusal('response-inspection-failed', 'inspect', 'inspection-limit');
const answerUnreadable = new Refusal('response-inspection-failed', 'inspect', 'content-encoding');
const noBytes = new Uint8Array(0);

type RulesInUse = Pick<InspectionRules, 'profile' | 'begin'>;

/** Guard for one operation. */
export function compileInspect(config: InspectConfig, rules: RulesInUse): Guard {
  const operation = new InspectedOperation(config, rules);
  const { response } = config;
  return {
    ...noHooks,
    name: 'inspect',
    onRequest: (exchange) => operation.onRequest(exchange),
    onBody: (exchange, body) => operation.onBody(exchange, body),
    onAnswer:
      response === null ? null : (exchange, status, fields) => operation.onAnswer(exchange, status, fields),
    onAnswerBody:
      response === null ? null : (exchange, body, whole) => operation.onAnswerBody(exchange, body, whole),
    onMessage: (exchange, message, isText, fromClient) =>
      operation.onMessage(exchange, message, isText, fromClient),
    onEnd: (exchange) => operation.onEnd(exchange),
  };
}

class InspectedOperation {
  readonly #config: InspectConfig;
  readonly #rules: RulesInUse;
  readonly #profile: ReturnType<InspectionRules['profile']>;
  /** For bodies of which only a part may be seen: that it does not parse proves nothing. */
  readonly #partialProfile: ReturnType<InspectionRules['profile']>;
  /** For messages of a WebSocket, which come as POST whatever the handshake was. */
  #messageProfile: ReturnType<InspectionRules['profile']> | null = null;
  readonly #blocks: boolean;

  constructor(config: InspectConfig, rules: RulesInUse) {
    this.#config = config;
    this.#rules = rules;
    this.#profile = rules.profile(config);
    this.#partialProfile =
      config.requestBody.beyond === 'refuse' ? this.#profile : rules.profile(withoutParseErrors(config));
    this.#blocks = config.mode === 'block';
  }

  onRequest(exchange: Exchange): Decision {
    const { requestBody } = this.#config;
    const hasBody = exchange.contentLength !== 0;
    if (hasBody && this.#blocks) {
      if (exchange.contentLength > requestBody.limitBytes && requestBody.beyond === 'refuse') {
        return requestTooLarge;
      }
      const isRefused =
        requestBody.compressed === 'refuse' && isCoded(exchange.fields.get('content-encoding'));
      if (isRefused) return codingRefused;
    }
    const { contentLength } = exchange;
    const mayBeCut = contentLength === LENGTH_UNKNOWN || contentLength > requestBody.limitBytes;
    const inspection = new Inspection(
      this.#rules.begin(mayBeCut ? this.#partialProfile : this.#profile),
      this.#blocks,
    );
    exchange.inspection = inspection;
    try {
      const { transaction } = inspection;
      transaction.connection(exchange.clientAddress, 0, '', exchange.secure ? 443 : 80);
      const uri = exchange.query === '' ? exchange.path : exchange.path + '?' + exchange.query;
      transaction.requestLine(exchange.method, uri, protocolOf(exchange));
      if (exchange.authority !== '') transaction.requestHeader('host', exchange.authority);
      if (exchange.connectionField !== '') {
        transaction.requestHeader('connection', exchange.connectionField);
      }
      if (exchange.contentLength > 0) {
        transaction.requestHeader('content-length', String(exchange.contentLength));
      } else if (hasBody) transaction.requestHeader('transfer-encoding', 'chunked');
      const { names, values } = exchange.fields;
      for (let i = 0; i < names.length; i++) {
        if (names[i] !== TEXT_FIELD) transaction.requestHeader(names[i]!, values[i]!);
      }
      inspection.isPlainText = hasBody && !hasReader(exchange.fields.get('content-type'));
      if (inspection.isPlainText) transaction.requestHeader(TEXT_FIELD, 'text');
      return this.#decide(transaction.runRequestHeaders(), 'request-blocked', 'request-inspection-failed');
    } catch (cause) {
      return this.#failed(inspection, 'request-inspection-failed', cause);
    }
  }

  onBody(exchange: Exchange, body: Uint8Array): Decision {
    const inspection = inspectionOf(exchange);
    if (inspection.failed) return null;
    try {
      const { transaction } = inspection;
      if (body.length > 0) {
        const seen = this.#readableBody(exchange, inspection, body);
        if (seen instanceof Refusal) return seen;
        const cut = transaction.requestBody(inspection.isPlainText ? plainText(seen) : seen);
        if (cut !== null) return this.#decide(cut, 'request-blocked', 'request-body-too-large');
      }
      const interruption = transaction.runRequestBody();
      if (interruption !== null) {
        return this.#decide(interruption, 'request-blocked', 'request-inspection-failed');
      }
    } catch (cause) {
      return this.#failed(inspection, 'request-inspection-failed', cause);
    }
    // A part of an answer shows a part of what must not pass: the upstream answers with all of it.
    if (this.#config.response !== null && this.#blocks && exchange.fields.remove('range')) {
      exchange.fields.remove('if-range');
    }
    return null;
  }

  /** The bytes that rules see. */
  #readableBody(exchange: Exchange, inspection: Inspection, body: Uint8Array): Uint8Array | Refusal {
    const { limitBytes, beyond } = this.#config.requestBody;
    const coding = exchange.fields.get('content-encoding');
    let seen = body;
    if (isCoded(coding)) {
      const decoded = decodeBody(body, coding, limitBytes, true);
      if (typeof decoded !== 'string') seen = decoded;
      else if (this.#blocks) return decoded === 'too-large' ? requestTooLarge : codingRefused;
      else {
        inspection.noted = decoded === 'too-large' ? requestTooLarge.code : codingRefused.code;
        return noBytes;
      }
    }
    if (seen.length <= limitBytes) return seen;
    if (beyond === 'refuse') {
      if (this.#blocks) return requestTooLarge;
      inspection.noted = requestTooLarge.code;
    }
    return seen.subarray(0, limitBytes);
  }

  onAnswer(exchange: Exchange, status: number, fields: FieldList): Decision {
    const inspection = inspectionOf(exchange);
    if (inspection.failed) return null;
    try {
      const { transaction } = inspection;
      transaction.responseStatus(status, 'HTTP/1.1');
      const { names, values } = fields;
      for (let i = 0; i < names.length; i++) transaction.responseHeader(names[i]!, values[i]!);
      const interruption = transaction.runResponseHeaders();
      if (interruption !== null) {
        return this.#decide(interruption, 'response-blocked', 'response-inspection-failed');
      }
      const { types, limitBytes } = this.#config.response!;
      if (
        status !== 101 &&
        matchesType(fields.get('content-type'), types) &&
        transaction.wantsResponseBody()
      ) {
        inspection.answerCoding = fields.get('content-encoding');
        exchange.answerLimit = Math.max(exchange.answerLimit, limitBytes);
        return null;
      }
      return this.#decide(transaction.runResponseBody(), 'response-blocked', 'response-inspection-failed');
    } catch (cause) {
      return this.#failed(inspection, 'response-inspection-failed', cause);
    }
  }

  onAnswerBody(exchange: Exchange, body: Uint8Array, whole: boolean): Decision {
    const inspection = inspectionOf(exchange);
    if (inspection.failed) return null;
    try {
      const { transaction } = inspection;
      const seen = this.#readableAnswer(inspection, body, whole);
      if (seen instanceof Refusal) return seen;
      if (seen.length > 0) {
        const cut = transaction.responseBody(seen);
        if (cut !== null) return this.#decide(cut, 'response-blocked', 'response-inspection-failed');
      }
      return this.#decide(transaction.runResponseBody(), 'response-blocked', 'response-inspection-failed');
    } catch (cause) {
      return this.#failed(inspection, 'response-inspection-failed', cause);
    }
  }

  #readableAnswer(inspection: Inspection, body: Uint8Array, whole: boolean): Uint8Array | Refusal {
    const { limitBytes, beyond } = this.#config.response!;
    const isLong = !whole || body.length > limitBytes;
    if (isLong && beyond === 'refuse') {
      if (this.#blocks) return answerTooLarge;
      inspection.noted = answerTooLarge.code;
    }
    const { answerCoding } = inspection;
    const seen = body.length > limitBytes ? body.subarray(0, limitBytes) : body;
    if (body.length === 0 || !isCoded(answerCoding)) return seen;
    const decoded = decodeBody(seen, answerCoding, limitBytes, !isLong);
    if (typeof decoded !== 'string') return decoded;
    const refusal = decoded === 'too-large' ? answerTooLarge : answerUnreadable;
    if (this.#blocks) return refusal;
    inspection.noted = refusal.code;
    return noBytes;
  }

  /** A message is judged by a transaction of its own: one does not count for the next. */
  onMessage(exchange: Exchange, message: Uint8Array, isText: boolean, fromClient: boolean): Refusal | null {
    const inspection = inspectionOf(exchange);
    const bounds = fromClient ? this.#config.requestBody : this.#config.response;
    if (bounds === null) return null;
    const failed = fromClient ? 'request-inspection-failed' : 'response-inspection-failed';
    const isLong = message.length > bounds.limitBytes;
    if (isLong && bounds.beyond === 'refuse') {
      if (this.#blocks) return fromClient ? requestTooLarge : answerTooLarge;
      inspection.noted = fromClient ? requestTooLarge.code : answerTooLarge.code;
    }
    const text = textOf(message, isText, bounds.limitBytes);
    if (text === null) return null;
    this.#messageProfile ??= this.#rules.profile(withMessages(this.#config));
    const transaction = this.#rules.begin(this.#messageProfile);
    try {
      const interruption = fromClient
        ? runClientMessage(transaction, exchange, text)
        : runServerMessage(transaction, exchange, text);
      transaction.runLogging();
      inspection.addMessage(transaction);
      const decision = this.#decide(
        interruption,
        fromClient ? 'request-blocked' : 'response-blocked',
        failed,
      );
      // There is nowhere to redirect a message to.
      if (decision instanceof Answer) return new Refusal('request-blocked', 'inspect', 'redirect');
      return decision;
    } catch (cause) {
      reportFailure(cause);
      if (this.#blocks) return new Refusal(failed, 'inspect', 'engine-failed');
      inspection.noted = failed;
      return null;
    }
  }

  onEnd(exchange: Exchange): void {
    const inspection = exchange.inspection;
    if (!(inspection instanceof Inspection) || inspection.failed) return;
    try {
      inspection.transaction.runLogging();
    } catch (cause) {
      inspection.failed = true;
      reportFailure(cause);
    }
  }

  #decide(interruption: Interruption | null, blocked: ErrorCode, failed: ErrorCode): Decision {
    if (interruption === null) return null;
    if (interruption.reason === 'argument-limit') return new Refusal(blocked, 'inspect', 'argument-limit');
    if (interruption.reason !== 'rule') return new Refusal(failed, 'inspect', interruption.reason);
    if (interruption.action === 'redirect' && /^[\x21-\x7e]+$/.test(interruption.location)) {
      const status = interruption.status >= 300 && interruption.status < 400 ? interruption.status : 302;
      return new Answer(status, 'inspect', ['location', interruption.location]);
    }
    return new Refusal(blocked, 'inspect', `rule-${interruption.ruleId}`);
  }

  /** A bug of the engine: nothing passes that it should have judged; detection mode goes on without it. */
  #failed(inspection: Inspection, code: ErrorCode, cause: unknown): Decision {
    inspection.failed = true;
    reportFailure(cause);
    if (this.#blocks) return new Refusal(code, 'inspect', 'engine-failed');
    inspection.noted = code;
    return null;
  }
}

/** Rules of settings.conf that refuse bodies which can not be parsed. */
const PARSE_ERROR_RULES: readonly number[] = [8_100_020, 8_100_021];

const withMessages = (config: InspectConfig): InspectConfig => ({
  ...config,
  variables: config.variables.map(({ name, value }) =>
    /^(?:gw_)?allowed_methods$/.test(name) ? { name, value: `${value} GET POST` } : { name, value },
  ),
});

const withoutParseErrors = (config: InspectConfig): InspectConfig => ({
  ...config,
  exclusions: [...config.exclusions, ...PARSE_ERROR_RULES.map((rule) => ({ rule, tag: null, target: null }))],
});

/** Tells the rules of settings.conf how a body is given to them; a client's own is not shown to them. */
const TEXT_FIELD = 'x-gatewright-body';

/** What rules see of a body that nobody reads: its text, or nothing where it is none. */
function plainText(body: Uint8Array): string {
  const text = textOf(body, false, body.length);
  return text === null ? '' : asJson(text);
}

/** Throws when the request has not been inspected: then nothing after it may pass either. */
function inspectionOf(exchange: Exchange): Inspection {
  const { inspection } = exchange;
  if (!(inspection instanceof Inspection)) throw new Error('the request was not inspected');
  return inspection;
}

function protocolOf(exchange: Exchange): string {
  if (exchange.httpMajor === 2) return 'HTTP/2';
  return exchange.httpMinor === 1 ? 'HTTP/1.1' : 'HTTP/1.0';
}
