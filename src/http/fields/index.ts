export { FieldList } from './field-list.ts';
