// Lists of addresses as text: one address or block a line, what follows `#`, `;` or a space is a remark.
import { AddressSetBuilder, type AddressSetMemory } from '../net/index.ts';

/** Share of lines that may be unreadable before the text is taken for something else. */
const MAX_UNREADABLE = 0.01;
/** Remembered for the message. */
const SHOWN = 3;

export interface ParsedList {
  readonly memory: AddressSetMemory;
  /** Blocks that were read. */
  readonly blocks: number;
  readonly unreadable: number;
}

/** Throws RangeError for a text that is no list. */
export function parseAddressList(text: string): ParsedList {
  const builder = new AddressSetBuilder();
  const shown: string[] = [];
  let unreadable = 0;
  for (let from = 0; from < text.length; ) {
    let end = text.indexOf('\n', from);
    if (end === -1) end = text.length;
    const line = text.slice(from, end);
    from = end + 1;
    const [entry = ''] = line.trim().split(/[\s;#,]/, 1);
    if (entry === '' || builder.add(entry)) continue;
    unreadable++;
    if (shown.length < SHOWN) shown.push(entry.slice(0, 60));
  }
  if (unreadable > (builder.size + unreadable) * MAX_UNREADABLE)
    throw new RangeError(`${unreadable} lines hold no address or block, such as ${JSON.stringify(shown[0])}`);
  return { memory: builder.finish(), blocks: builder.size, unreadable };
}
