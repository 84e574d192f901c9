export { FieldList } from './field-list.ts';
export {
  type BareItem,
  type InnerList,
  type Item,
  type Member,
  type Parameters,
  parseDictionary,
  writeMember,
  writeParameters,
} from './structured.ts';
export { isToken, parseForwarded, parseWord, splitList } from './syntax.ts';
