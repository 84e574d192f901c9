// The documented content types of one body: which of them a Content-Type names. HOT

export interface MediaRow {
  /** A media range in lower case. */
  readonly mediaType: string;
}

/** The most specific documented media range that `type` is in. */
export function rowOf<Row extends MediaRow>(type: string, rows: readonly Row[]): Row | null {
  const semicolon = type.indexOf(';');
  const essence = (semicolon === -1 ? type : type.slice(0, semicolon)).trim().toLowerCase();
  if (!/^[a-z0-9!#$&^_.+-]+\/[a-z0-9!#$&^_.+-]+$/.test(essence)) return null;
  const range = `${essence.slice(0, essence.indexOf('/'))}/*`;
  let best: Row | null = null;
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!;
    if (row.mediaType === essence) return row;
    if (row.mediaType === range || (row.mediaType === '*/*' && best === null)) best = row;
  }
  return best;
}

/** Whether every parameter of `type` can be read, and charset, if there, is UTF-8. */
export function charsetIsUtf8(type: string): boolean {
  const parameters = type.split(';').slice(1);
  return parameters.every((parameter) => {
    const match = /^\s*([A-Za-z0-9-]+)\s*=\s*(?:"([^"\\]*)"|([^\s"]+))\s*$/.exec(parameter);
    if (match === null) return false;
    return match[1]!.toLowerCase() !== 'charset' || (match[2] ?? match[3])!.toLowerCase() === 'utf-8';
  });
}
