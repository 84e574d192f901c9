// The best fit of code points above U+007F in US-ASCII (code page 20127), which %uXXXX decoding uses: what a lenient
// server may turn a full-width or accented letter into. The table is made from Unicode decompositions and the list of
// characters that have none.

const shapes =
  "¡!¢c¤$¥Y¦|©C«<\u00ad-®R·.¸,»>ÆAÐDØOæaøoĐDđdĦHħhıiŁLłlŒOœoŦTŧtƀbƉDƑFƒfƗIƚlƟOƫtƮTƶzǤGǥgɡgʹ'ʺ\"ʼ'˄^ˆ^ˈ'ˋ`ˍ_˜~" +
  '\u0300`\u0302^\u0303~\u030e"\u0331_\u0332_\u2010-\u2011-–-—-‘\'’\'‚,“"”"„"•.….′\'‵`‹<›>™T';

function makeBestFit(): Uint8Array {
  const table = new Uint8Array(65_536);
  for (let code = 0xa0; code <= 0x1f0; code++) {
    const letter = String.fromCharCode(code).normalize('NFD').charCodeAt(0);
    if (letter < 0x80) table[code] = letter;
  }
  for (const code of [0xa0, 0xaa, 0xb2, 0xb3, 0xb9, 0xba])
    table[code] = String.fromCharCode(code).normalize('NFKD').charCodeAt(0);
  for (let code = 0x2000; code <= 0x2006; code++) table[code] = 0x20;
  for (let code = 0xff01; code <= 0xff5e; code++) table[code] = code - 0xfee0;
  for (let i = 0; i < shapes.length; i += 2) table[shapes.charCodeAt(i)] = shapes.charCodeAt(i + 1);
  return table;
}

/** Byte for each code unit, 0 where there is none. */
export const bestFit = makeBestFit();
