// What the administrative API takes and gives, as schemas: the contract, the types of console and command line, and the checks
// of handlers all come from here. Times are milliseconds since the epoch unless they are called otherwise.
export { named, shortText } from './schema-parts.ts';
export * from './schemas-apis.ts';
export * from './schemas-people.ts';
export * from './schemas-sign-in.ts';
export * from './schemas-traffic.ts';
