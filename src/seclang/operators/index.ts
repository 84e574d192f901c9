// Operators by their names in ModSecurity, case-insensitive. Negation (`!@rx`) is the caller's.
import { closestName } from '../../core/index.ts';
import type { CompiledOperator, OperatorEnvironment } from '../contract.ts';
import { detectSqli, detectXss, sqliBytes, xssBytes } from '../detect/index.ts';
import { compileAddresses, compileAddressFile } from './address.ts';
import { compileExpression } from './expression.ts';
import { capture, type Match, operatorOf, refuse } from './make.ts';
import { compileNumber, numberOperators } from './number.ts';
import { compilePhraseFiles, compilePhrases } from './phrases.ts';
import { compileText, textOperators } from './text.ts';
import { compileByteRange, compileUrlEncoding, compileUtf8 } from './validate.ts';
import { compileVerify, verifyOperators } from './verify.ts';

type Compile = (name: string, argument: string, env: OperatorEnvironment) => CompiledOperator;

const findsSqli: Match = (value, _, captures) => {
  const fingerprint = detectSqli(value);
  return fingerprint !== null && capture(captures, fingerprint);
};

const always: Compile = (name) => operatorOf(name, () => true);
const never: Compile = (name) => operatorOf(name, () => false);

/** What would have to ask the network, a process or a database that this engine does not have. */
const absent =
  (why: string, suggestion: string): Compile =>
  (name) =>
    refuse(`@${name} is not supported: ${why}`, suggestion);

const rows: readonly (readonly [string, Compile])[] = [
  ...textOperators.map((name) => [name, compileText] as const),
  ...numberOperators.map((name) => [name, compileNumber] as const),
  ...verifyOperators.map((name) => [name, compileVerify] as const),
  ['rx', compileExpression],
  ['rxGlobal', compileExpression],
  ['pm', compilePhrases],
  ['pmFromFile', compilePhraseFiles],
  ['pmf', compilePhraseFiles],
  ['ipMatch', compileAddresses],
  ['ipMatchFromFile', compileAddressFile],
  ['ipMatchF', compileAddressFile],
  ['validateByteRange', (_, argument) => compileByteRange(argument)],
  ['validateUrlEncoding', compileUrlEncoding],
  ['validateUtf8Encoding', compileUtf8],
  ['unconditionalMatch', always],
  ['noMatch', never],
  // A question to DNS for each request would hand the speed of the gate to others: a block list is never asked.
  ['rbl', never],
  // Without a database of places none is found; SecGeoLookupDB, which would name one, is refused.
  ['geoLookup', never],
  ['detectSQLi', (name) => operatorOf(name, findsSqli, { requiredBytes: sqliBytes })],
  ['detectXSS', (name) => operatorOf(name, (value) => detectXss(value), { requiredBytes: xssBytes })],
  ['gsbLookup', absent('Google Safe Browsing is asked by nobody', 'Remove the rule.')],
  [
    'fuzzyHash',
    absent('it needs ssdeep', 'Remove the rule, or use @pmFromFile on digests made with t:sha1.'),
  ],
  ['inspectFile', absent('rules start no programs', 'Inspect uploads behind the gate.')],
  ['rsub', absent('rules change no bodies', 'Remove the rule.')],
  [
    'validateDTD',
    absent(
      'a DTD is never read, which closes a door to attacks',
      'Check bodies with the contract of the API.',
    ),
  ],
  ['validateSchema', absent('XML Schema is not read', 'Check bodies with the contract of the API.')],
  ['validateHash', absent('links are not signed', 'Remove the rule.')],
];

const byName: ReadonlyMap<string, readonly [string, Compile]> = new Map(
  rows.map((row) => [row[0].toLowerCase(), row]),
);

export const operatorNames: readonly string[] = rows.map(([name]) => name);

export function compileOperator(name: string, argument: string, env: OperatorEnvironment): CompiledOperator {
  const row = byName.get(name.toLowerCase());
  if (row !== undefined) return row[1](row[0], argument, env);
  const closest = closestName(name, operatorNames);
  return refuse(
    `there is no operator @${name}`,
    closest === null ? 'Mend its name.' : `Did you mean @${closest}?`,
  );
}
