// The service `decisions`: the OpenID AuthZEN Authorization API 1.0 over what the decision point says. The gate has
// authenticated the service that asks and held its request to the schema.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type ServiceCall, type ServiceHandler, sendProblem } from '../control/index.ts';
import type { Decided, DecisionPoint, Question } from './decision-point.ts';

/** The gate lets no larger body pass by default; this bounds what stands in memory whatever it lets pass. */
const MAX_BODY_BYTES = 4_194_304;

type Semantic = 'execute_all' | 'deny_on_first_deny' | 'permit_on_first_permit';

interface Questions extends Partial<Question> {
  readonly evaluations?: readonly Partial<Question>[];
  readonly options?: { readonly evaluations_semantic?: Semantic };
}

/** `point` answers the decision point of the configuration being served. */
export function createDecisionsHandler(point: () => DecisionPoint): ServiceHandler {
  return async (request, response, call) => {
    switch (call.operation) {
      case 'getAuthzenConfiguration':
        return send(request, response, metadataOf(call));
      case 'evaluate': {
        const question = (await readJson(request)) as Question;
        return send(request, response, answerOf(await point().decide(question)));
      }
      case 'evaluateMany':
        return evaluateMany(request, response, call, point());
      case 'searchActions': {
        const question = (await readJson(request)) as Omit<Question, 'action'>;
        const results = (await point().actions(question)).map((name) => ({ name }));
        return send(request, response, { results, page: { next_token: '' } });
      }
      default:
        return sendProblem(response, 'operation-unknown', call.exchangeId);
    }
  };
}

async function evaluateMany(
  request: IncomingMessage,
  response: ServerResponse,
  call: ServiceCall,
  point: DecisionPoint,
): Promise<void> {
  const { evaluations = [], options, ...defaults } = (await readJson(request)) as Questions;
  // Without a list the request is one question (section 7.1).
  if (evaluations.length === 0) {
    return isWhole(defaults)
      ? send(request, response, answerOf(await point.decide(defaults)))
      : sendProblem(response, 'body-invalid', call.exchangeId, 'subject, action and resource are needed');
  }
  const semantic = options?.evaluations_semantic ?? 'execute_all';
  const answers: object[] = [];
  for (const evaluation of evaluations) {
    // A member replaces the default as a whole (section 7.1.1).
    const question = { ...defaults, ...evaluation };
    const decided = isWhole(question)
      ? await point.decide(question)
      : { decision: false, reason: 'question-invalid', policy: '' };
    answers.push(answerOf(decided));
    if (semantic === 'deny_on_first_deny' && !decided.decision) break;
    if (semantic === 'permit_on_first_permit' && decided.decision) break;
  }
  send(request, response, { evaluations: answers });
}

const isWhole = (question: Partial<Question>): question is Question =>
  question.subject !== undefined && question.action !== undefined && question.resource !== undefined;

/** The service learns the code of a refusal and which policy decided, not what the policy says. */
const answerOf = ({ decision, reason, policy }: Decided): object => ({
  decision,
  ...(reason === '' && policy === ''
    ? {}
    : { context: { ...(reason === '' ? {} : { reason }), ...(policy === '' ? {} : { policy }) } }),
});

function metadataOf(call: ServiceCall): object {
  const origin = `${call.secure ? 'https' : 'http'}://${call.authority}${call.base}`;
  return {
    policy_decision_point: origin,
    access_evaluation_endpoint: `${origin}/access/v1/evaluation`,
    access_evaluations_endpoint: `${origin}/access/v1/evaluations`,
    search_action_endpoint: `${origin}/access/v1/search/action`,
  };
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) throw new RangeError('the body is too large');
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString());
}

function send(request: IncomingMessage, response: ServerResponse, answer: object): void {
  const body = JSON.stringify(answer);
  const id = request.headers['x-request-id'];
  response.writeHead(200, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...(typeof id === 'string' ? { 'x-request-id': id } : {}),
  });
  response.end(body);
}
