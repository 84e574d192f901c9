// How likely a byte is to stand at a given place of ordinary API traffic (lower-cased URLs, JSON, header values, words of
// European languages). Only the order matters: it chooses which of the literals of an expression a prefilter looks for.

const odds = new Float64Array(256).fill(0.0005);
const assign = (letters: string, odd: number): void => {
  for (let i = 0; i < letters.length; i++) odds[letters.charCodeAt(i)] = odd;
};
assign('etaoinsr', 0.06);
assign('lcdupm', 0.03);
assign('hgbfyv', 0.015);
assign('wkxjqz', 0.006);
assign('0123456789', 0.02);
assign('/."', 0.02);
assign(' -_=:,', 0.015);
assign('&?%+{}[];()*', 0.006);
assign("'@#!<>|\\~$^`", 0.002);
assign('\r\n\t', 0.003);
for (let i = 65; i <= 90; i++) odds[i] = odds[i + 32]! / 4;

export const byteOdds: Readonly<Float64Array> = odds;
