// The pages of threats to identity and authorization against the tests that they name, and against the list of threats where
// that is at hand.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = new URL('../../', import.meta.url);
const textOf = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const rowsOf = (page: string) =>
  [...textOf(page).matchAll(/^\| (.*) \| \[[^\]]+\]\(\.\.\/([^)]+)\): (.+) \|$/gm)].map(
    ([, threat, file, title]) => ({ threat: threat!, file: file!, title: title! }),
  );
const rows = rowsOf('docs/identity-threats.md');
const list = fileURLToPath(new URL('../shared/design/threats.md', root));

test('every test that the pages name is there', () => {
  const authorization = rowsOf('docs/authorization-threats.md');
  assert.ok(rows.length >= 60 && authorization.length >= 25, `${rows.length} ${authorization.length}`);
  for (const { file, title } of [...rows, ...authorization]) {
    const source = textOf(file);
    assert.ok(
      source.includes(`'${title}`) || source.includes(`"${title}`) || source.includes(`\`${title}`),
      `${file} has no test "${title}"`,
    );
  }
});

test('no line of the list of threats is left out', {
  skip: existsSync(list) ? false : 'SKIPPED: the list of threats is not beside the project',
}, () => {
  const section = readFileSync(list, 'utf8').split('**Identity**')[1]!.split('\n**')[0]!;
  let rest = section.replace(/\s+/g, ' ');
  for (const { threat } of rows) {
    if (threat === '') continue;
    assert.ok(rest.includes(threat), `"${threat}" is not on the list, or there twice`);
    rest = rest.replace(threat, '');
  }
  const headings = rest.replace(/JWT:|OAuth\/OIDC:|mTLS:|Authorization:/g, '');
  assert.equal(headings.replace(/[\s,;.-]/g, ''), '', 'what no row names');
});
