export { FieldList } from './field-list.ts';
export { isToken, parseForwarded, parseWord, splitList } from './syntax.ts';
