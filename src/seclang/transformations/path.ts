// HOT
// Paths without `//`, `/./` and `/x/../`, as a file system walks them.

export const pathChanges = /\/\/|\.|^$/;
export const winPathChanges = /\/\/|\.|\\/;

export const normalizePathWin = (value: string): string =>
  normalizePath(value.indexOf('\\') < 0 ? value : value.replaceAll('\\', '/'));

export function normalizePath(value: string): string {
  if (!pathChanges.test(value)) return value;
  const isAbsolute = value.charCodeAt(0) === 47;
  const endsInSlash = value.charCodeAt(value.length - 1) === 47;
  const kept: string[] = [];
  let last = '';
  for (const part of value.split('/')) {
    last = part;
    if (part === '' || part === '.') continue;
    if (part !== '..') kept.push(part);
    else if (kept.length > 0 && kept[kept.length - 1] !== '..') kept.pop();
    else if (!isAbsolute) kept.push('..');
  }
  const isFolder =
    kept.length > 0 && (endsInSlash || last === '.' || (last === '..' && kept[kept.length - 1] !== '..'));
  return (isAbsolute ? '/' : '') + kept.join('/') + (isFolder ? '/' : '');
}
