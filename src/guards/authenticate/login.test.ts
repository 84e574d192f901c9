import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FieldList } from '../../http/fields/index.ts';
import { dropCookies, readCookie } from './login.ts';

const name = fc.constantFrom('gatewright', 'gatewright-abc', 'theme', 'lang', 'x');
const pairs = fc.array(fc.tuple(name, fc.stringMatching(/^[a-z0-9.]{0,6}$/)), { maxLength: 6 });

test('one cookie is read, none where it stands twice; those of logins are dropped and the others stay in order', () => {
  fc.assert(
    fc.property(pairs, fc.integer({ min: 1, max: 3 }), (list, lines) => {
      const fields = new FieldList();
      fields.append('accept', '*/*');
      // HTTP/2 clients send cookies in several fields.
      for (let line = 0; line < lines; line++) {
        const part = list.filter((_, i) => i % lines === line);
        if (part.length > 0)
          fields.append('cookie', part.map(([key, value]) => `${key}=${value}`).join('; '));
      }
      const own = list.filter(([key]) => key === 'gatewright');
      assert.equal(readCookie(fields, 'gatewright'), own.length === 1 ? own[0]![1] : null);
      dropCookies(fields, ['gatewright']);
      const left = fields.all('cookie').join('; ');
      assert.ok(!left.includes('gatewright'));
      assert.equal(
        left === '' ? 0 : left.split('; ').length,
        list.filter(([key]) => !key.startsWith('gatewright')).length,
      );
      assert.equal(fields.get('accept'), '*/*');
    }),
  );
});

test('no text of a cookie field makes it throw', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[ -~]{0,40}$/), (text) => {
      const fields = new FieldList();
      fields.append('cookie', text);
      readCookie(fields, 'a');
      dropCookies(fields, ['a']);
    }),
  );
});
