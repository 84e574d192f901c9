// What of an answer its reader may see: fields are dropped or made unreadable by role and scope. Nothing dodges it: the
// upstream is asked for a plain, whole answer, what tells of the original (ETag, digests, length) goes, and what can
// not be masked is refused. HOT
import type { Exchange, Guard } from '../../exchange/index.ts';
import { type Decision, noHooks, Refusal } from '../../exchange/index.ts';
import type { FieldList } from '../../http/fields/index.ts';
import { compileMask, Mask } from '../../masking/index.ts';
import { type Principals, roleKey } from '../authorize/index.ts';
import type { MaskConfig, MaskFieldRule } from './contract.ts';

interface Row {
  readonly rule: MaskFieldRule;
  readonly roles: readonly string[];
  readonly bit: number;
}

/** Rules of one operation: a set of them is a number. */
export const MAX_RULES = 30;

const refusal = (reason: string): Refusal => new Refusal('response-unmaskable', 'mask', reason);
const partial = refusal('partial-content');
const encoded = refusal('content-coding');
const notJson = refusal('content-type');
const tooLarge = refusal('mask-limit');
const invalid = refusal('json');

/** Request fields by which a client would get a part of the answer, or word of whether it has changed. */
const asking = [
  'accept-encoding',
  'range',
  'if-range',
  'if-none-match',
  'te',
  'want-repr-digest',
  'want-content-digest',
];
/** Answer fields that tell of the original. */
const telling = [
  'etag',
  'content-length',
  'accept-ranges',
  'content-range',
  'content-md5',
  'digest',
  'repr-digest',
  'content-digest',
];

/** In place of a mask: the answer is no JSON, and only an empty one may pass. */
const mustBeEmpty = {};

const jsonType = /^application\/(?:[a-z0-9!#$&^_.+-]+\+)?json(?:\s*;|$)/i;

/** Guard for the operation's rules; null when it has none. */
export function compileMaskGuard(config: MaskConfig, principals: Principals): Guard | null {
  if (config.rules.length === 0) return null;
  if (config.rules.length > MAX_RULES) throw new RangeError(`more than ${MAX_RULES} fields to mask`);
  const rows = config.rules.map(
    (rule, index): Row => ({
      rule,
      roles: rule.unlessRoles.map(roleKey),
      bit: 1 << index,
    }),
  );
  /** By the set of rules that apply. */
  const masks = new Map<number, Mask | null>([[0, null]]);

  const maskFor = (exchange: Exchange): Mask | null => {
    let set = 0;
    for (let i = 0; i < rows.length; i++) if (!isExempt(rows[i]!, exchange, principals)) set |= rows[i]!.bit;
    let mask = masks.get(set);
    if (mask === undefined) {
      mask = compileMask(rows.filter(({ bit }) => (set & bit) !== 0).map(({ rule }) => rule));
      masks.set(set, mask);
    }
    return mask;
  };

  const onRequest = (exchange: Exchange): null => {
    const mask = maskFor(exchange);
    exchange.mask = mask;
    if (mask === null) return null;
    const { fields } = exchange;
    for (let i = 0; i < asking.length; i++) fields.remove(asking[i]!);
    fields.append('accept-encoding', 'identity');
    return null;
  };
  const onAnswer = (exchange: Exchange, status: number, fields: FieldList): Decision => {
    if (exchange.mask === null) return null;
    for (let i = 0; i < telling.length; i++) fields.remove(telling[i]!);
    exchange.hidesLength = true;
    if (exchange.method === 'HEAD' || status === 204 || status === 304) return null;
    if (status === 206) return partial;
    if (status === 101) return notJson;
    const coding = fields.get('content-encoding');
    if (coding !== null && coding.toLowerCase() !== 'identity') return encoded;
    const type = fields.get('content-type');
    if (type === null || !jsonType.test(type)) {
      // Pages of errors hold no fields; anything else that is no JSON may hold them in a form that is not read here.
      if (status >= 400) {
        exchange.mask = null;
        return null;
      }
      exchange.mask = mustBeEmpty;
    }
    exchange.answerLimit = Math.max(exchange.answerLimit, config.limitBytes);
    return null;
  };
  const onAnswerBody = (exchange: Exchange, body: Uint8Array, whole: boolean): Decision => {
    const { mask } = exchange;
    if (mask === null) return null;
    if (!whole || body.length > config.limitBytes) return tooLarge;
    if (body.length === 0) return null;
    if (!(mask instanceof Mask)) return notJson;
    const outcome = mask.run(body);
    if (outcome.kind === 'invalid') return invalid;
    if (outcome.kind === 'changed') exchange.answerBody = outcome.bytes;
    return null;
  };
  return { ...noHooks, name: 'mask', onRequest, onAnswer, onAnswerBody };
}

function isExempt({ rule, roles }: Row, { consumer }: Exchange, principals: Principals): boolean {
  if (consumer === null) return false;
  const { unlessScopes } = rule;
  for (let i = 0; i < unlessScopes.length; i++) if (consumer.scopes.has(unlessScopes[i]!)) return true;
  if (roles.length === 0) return false;
  const { ancestors } = principals.of(consumer).data!;
  for (let i = 0; i < roles.length; i++) if (ancestors.has(roles[i]!)) return true;
  return false;
}
