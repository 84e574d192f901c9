// HOT
// Comments of SQL, C, shell and HTML.

const mark = /\/\*|<!--|--|#/;

/** `/* … *​/` becomes one space; an unclosed one takes the rest with it. */
export function replaceComments(value: string): string {
  let open = value.indexOf('/*');
  if (open < 0) return value;
  let out = '';
  let from = 0;
  while (open >= 0) {
    out += value.slice(from, open) + ' ';
    const close = value.indexOf('*/', open + 2);
    if (close < 0) return out;
    from = close + 2;
    open = value.indexOf('/*', from);
  }
  return out + value.slice(from);
}

/** Cuts out `/* … *​/` and `<!-- … -->`; `--` and `#` end the value, an unclosed comment too. */
export function removeComments(value: string): string {
  let out = '';
  let from = 0;
  for (let at = value.search(mark); at >= 0; ) {
    out += value.slice(from, at);
    const code = value.charCodeAt(at);
    if (code === 35 || code === 45) return out;
    const isHtml = code === 60;
    const close = value.indexOf(isHtml ? '-->' : '*/', at + (isHtml ? 4 : 2));
    if (close < 0) return out + ' ';
    from = close + (isHtml ? 3 : 2);
    const next = value.slice(from).search(mark);
    at = next < 0 ? -1 : from + next;
  }
  return from === 0 ? value : out + value.slice(from);
}

const commentMark = /\/\*|\*\/|<!--|-->|--|#/;
const commentMarks = /\/\*|\*\/|<!--|-->|--|#/g;

/** Cuts out the marks of comments and leaves what they held. */
export const removeCommentsChar = (value: string): string =>
  commentMark.test(value) ? value.replace(commentMarks, '') : value;
