// What the line formats share: values without characters that a receiver could take for the end of something.
import type { ExchangeRecord } from '../../telemetry/index.ts';

/** Everything up to U+001F, DEL, C1 controls, line separators and lone surrogates: none may reach a line format as it is. */
const unsafe =
  /[\u0000-\u001f\u007f-\u009f\u2028\u2029]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** `text` on one line: what is unsafe becomes a space, and it is cut after `max` characters, never within one. */
export function oneLine(text: string, max: number): string {
  const clean = text.replace(unsafe, ' ');
  if (clean.length <= max) return clean;
  const cut = clean.slice(0, max);
  const last = cut.charCodeAt(max - 1);
  return last >= 0xd800 && last <= 0xdbff ? cut.slice(0, -1) : cut;
}

/** What threat intelligence knows, as `feed:kind:confidence` with commas between; undefined for nothing. */
export const threatText = ({ threats }: ExchangeRecord): string | undefined =>
  threats?.map(({ feed, kind, confidence }) => `${feed}:${kind}:${confidence}`).join(',');
