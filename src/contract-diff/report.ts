// Changes for people (text, Markdown) and for code scanning (SARIF 2.1.0). Nothing of a contract can end a line or a cell.
import { type Change, type ChangeLevel, type ChangeRule, changeTable } from './change.ts';

const levels: readonly ChangeLevel[] = ['breaking', 'security', 'compatible'];
const headings: Readonly<Record<ChangeLevel, string>> = {
  breaking: 'Breaks callers',
  security: 'Weakens security',
  compatible: 'Compatible',
};

/** What the file of a change is. */
export interface ReportFiles {
  readonly old: string;
  readonly next: string;
}

const plain = (text: string): string => text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/g, '?');
const whereOf = (change: Change): string => (change.where === '' ? '' : ` ${change.where}`);

export function toText(changes: readonly Change[]): string {
  const lines: string[] = [];
  for (const level of levels) {
    const found = changes.filter((entry) => entry.level === level);
    if (found.length === 0) continue;
    lines.push(`${headings[level]} (${found.length})`);
    for (const entry of found) {
      const subject = entry.message === entry.operation ? changeTable[entry.rule].title : entry.message;
      lines.push(`  ${entry.operation}${whereOf(entry)}: ${subject}  [${entry.rule}]`);
    }
    lines.push('');
  }
  lines.push(summaryOf(changes));
  return lines.map(plain).join('\n');
}

export function toMarkdown(changes: readonly Change[]): string {
  const cell = (text: string): string =>
    plain(text).replace(/[\\`*_|<>[\]&]/g, (c) => `&#${c.charCodeAt(0)};`);
  const lines = ['## Contract changes', '', summaryOf(changes), ''];
  for (const level of levels) {
    const found = changes.filter((entry) => entry.level === level);
    if (found.length === 0) continue;
    lines.push(`### ${headings[level]}`, '', '| operation | where | what | rule |', '|---|---|---|---|');
    for (const entry of found) {
      const what = entry.message === entry.operation ? changeTable[entry.rule].title : entry.message;
      lines.push(`| ${cell(entry.operation)} | ${cell(entry.where)} | ${cell(what)} | ${entry.rule} |`);
    }
    lines.push('');
  }
  return lines.join('\n');
}

/** One result a change; compatible ones are notes. */
export function toSarif(changes: readonly Change[], files: ReportFiles, version: string): unknown {
  const rules = [...new Set(changes.map(({ rule }) => rule))].sort();
  const levelOf = (rule: ChangeRule): string =>
    ({ breaking: 'error', security: 'warning', compatible: 'note' })[changeTable[rule].level];
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'gatewright contract diff',
            version,
            rules: rules.map((id) => ({
              id,
              shortDescription: { text: changeTable[id].title },
              defaultConfiguration: { level: levelOf(id) },
              properties: { tags: [changeTable[id].level] },
            })),
          },
        },
        results: changes.map((entry) => ({
          ruleId: entry.rule,
          ruleIndex: rules.indexOf(entry.rule),
          level: levelOf(entry.rule),
          message: { text: plain(`${entry.operation}${whereOf(entry)}: ${entry.message}`) },
          locations: [
            {
              physicalLocation: {
                artifactLocation: {
                  uri: encodeURI((entry.inOld ? files.old : files.next).replaceAll('\\', '/')),
                },
                ...(entry.line > 0
                  ? { region: { startLine: entry.line, startColumn: Math.max(1, entry.column) } }
                  : {}),
              },
            },
          ],
        })),
      },
    ],
  };
}

function summaryOf(changes: readonly Change[]): string {
  if (changes.length === 0) return 'No changes.';
  const count = (level: ChangeLevel): number => changes.filter((entry) => entry.level === level).length;
  return `${count('breaking')} breaking, ${count('security')} security, ${count('compatible')} compatible.`;
}
