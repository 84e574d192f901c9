// Bodies that are one text, where the contract says what it must look like.
import type { ContractMedia } from '../contract.ts';
import { article, INVALID, kindOf, primitive } from '../primitive.ts';
import type { SchemaSet, SchemaValidator } from '../schema-set.ts';
import type { BodyError } from './members.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A reader of bodies in UTF-8; what it reads is judged by `validate`. */
export function compileText(
  media: ContractMedia,
  set: SchemaSet,
  validate: SchemaValidator,
): (body: Uint8Array) => BodyError | null {
  const kind = kindOf(set.resolve(media.schema));
  return (body) => {
    let text: string;
    try {
      text = decoder.decode(body);
    } catch {
      return { reason: 'text-encoding', pointer: '', message: 'is not UTF-8' };
    }
    const value = primitive(kind, text);
    if (value === INVALID) return { reason: 'text-type', pointer: '', message: `must be ${article(kind)}` };
    const error = validate(value);
    return error === null ? null : { reason: `schema-${error.keyword}`, pointer: '', message: error.message };
  };
}
