// The OWASP Core Rule Set beside the repository, as data: its expressions, and the values of its regression cases. A
// checkout alone has neither, and its tests say so.
import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../../../shared/crs/', import.meta.url));

/** For the `skip` option of a test: false, or the reason. */
export const crsSkip: string | false = existsSync(folder) ? false : 'the rules ../shared/crs are not here';

export interface CrsExpression {
  readonly ruleId: string;
  /** Name of the rule file without its ending. */
  readonly file: string;
  readonly source: string;
}

/** Arguments of every `@rx` of the rules, as the engine gets them. */
export function crsExpressions(): CrsExpression[] {
  const found: CrsExpression[] = [];
  for (const path of globSync(`${folder}rules/*.conf`).sort()) {
    const text = readFileSync(path, 'latin1')
      .replace(/^[ \t]*#.*$/gm, '')
      .replace(/\\\n[ \t]*/g, ' ');
    for (const match of text.matchAll(/"!?@rx ((?:\\.|[^"\\])*)"(?:[^\n]*?\bid:(\d+))?/g))
      found.push({
        ruleId: match[2] ?? 'chained',
        file: basename(path, '.conf'),
        source: match[1]!.replaceAll('\\"', '"'),
      });
  }
  return found;
}

interface Stage {
  readonly input: {
    readonly uri?: string;
    readonly data?: string;
    readonly headers?: Readonly<Record<string, string>>;
  };
}

function decoded(text: string): string {
  return text
    .replaceAll('+', ' ')
    .replace(/%([0-9a-fA-F]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}

/** Values (latin1) that the regression cases of a rule file send, as sent and decoded, each once. */
export function crsValues(file: string): string[] {
  const path = `${folder}tests/${file}.json`;
  if (!existsSync(path)) return [];
  const values = new Set<string>();
  const cases = JSON.parse(readFileSync(path, 'utf8')) as { readonly stages: readonly Stage[] }[];
  for (const { stages } of cases)
    for (const { input } of stages)
      for (const text of [input.uri, input.data, ...Object.values(input.headers ?? {})]) {
        if (typeof text !== 'string') continue;
        const bytes = Buffer.from(text).toString('latin1');
        for (const part of [bytes, ...bytes.split(/[?&]/)]) {
          values.add(part);
          values.add(decoded(part));
          values.add(decoded(part.replace(/^[^=]*=/, '')));
        }
      }
  return [...values];
}
