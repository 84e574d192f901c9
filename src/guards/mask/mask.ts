// What of an answer its reader may see: fields are dropped or made unreadable by role and scope. Nothing dodges it: the
// upstream is asked for a plain, whole answer, what tells of the original (ETag, digests, length) goes, and what can
// not be masked is refused. HOT
import type { Exchange, Guard } from '../../exchange/index.ts';
import { type Decision, noHooks, Refusal } from '../../exchange/index.ts';
import type { FieldList } from '../../http/fields/index.ts';
import { type ClassRule, compileMask, Mask, type MaskRule } from '../../masking/index.ts';
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

/** In place of a mask: the answer can't be read, and only an empty one may pass. */
const mustBeEmpty = {};

/** In place of a mask: the answer is a text that is not JSON. */
interface TextMask {
  readonly mask: Mask;
}

const jsonType = /^application\/(?:[a-z0-9!#$&^_.+-]+\+)?json(?:\s*;|$)/i;
/** Types that are texts, in which classes of data are found; an event stream has no end to hold it to. */
const textType =
  /^(?:text\/(?!event-stream)|(?:application|image)\/(?:[a-z0-9!#$&^_.+-]+\+)?(?:xml|yaml)|application\/(?:x-ndjson|json-seq|javascript|x-www-form-urlencoded))/i;
/** Types that are for eyes and ears. */
const mediaType = /^(?:image\/(?!svg)|audio\/|video\/|font\/)/i;

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
      mask = compileSet(rows.filter(({ bit }) => (set & bit) !== 0).map(({ rule }) => rule));
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
      const { mask } = exchange as { mask: Mask };
      exchange.mask = maskOfText(mask, status, type);
      if (exchange.mask === null) return null;
    }
    exchange.answerLimit = Math.max(exchange.answerLimit, config.limitBytes);
    return null;
  };
  const onAnswerBody = (exchange: Exchange, body: Uint8Array, whole: boolean): Decision => {
    const { mask } = exchange;
    if (mask === null) return null;
    if (!whole || body.length > config.limitBytes) return tooLarge;
    if (body.length === 0) return null;
    if (mask === mustBeEmpty) return notJson;
    const outcome = mask instanceof Mask ? mask.run(body) : (mask as TextMask).mask.runText(body);
    if (outcome.kind === 'invalid') return invalid;
    if (outcome.kind === 'changed') exchange.answerBody = outcome.bytes;
    return null;
  };
  return { ...noHooks, name: 'mask', onRequest, onAnswer, onAnswerBody };
}

/** What an answer that is no JSON is held to; null for nothing. */
function maskOfText(mask: Mask, status: number, type: string | null): object | null {
  // Pages of errors hold no fields; anything else that is no JSON may hold them in a form that is not read here.
  if (mask.masksFields && status < 400) return mustBeEmpty;
  if (!mask.masksClasses) return null;
  if (type !== null && textType.test(type)) return { mask } satisfies TextMask;
  return type !== null && mediaType.test(type) ? null : mustBeEmpty;
}

function compileSet(rules: readonly MaskFieldRule[]): Mask | null {
  const fields: MaskRule[] = [];
  const classes: ClassRule[] = [];
  for (const rule of rules) {
    if (rule.kind === 'fields') for (const path of rule.paths) fields.push({ path, action: rule.action });
    else for (const name of rule.classes) classes.push({ class: name, action: rule.action });
  }
  return compileMask(fields, classes);
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
