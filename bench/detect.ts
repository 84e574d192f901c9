// What the injection detectors cost: nanoseconds a call, on one core, for values that APIs get and for attacks. Run it with
// `node bench/detect.ts`; take the least of some rounds, since noise only adds.
import { detectSqli, detectXss } from '../src/seclang/detect/index.ts';

const ROUNDS = 15;
const ROUND_MS = 20;

const values: Readonly<Record<string, string>> = {
  'a word': 'customer',
  'a UUID': 'c8b5c1a0-55f1-4b2e-9a7e-1b2c3d4e5f60',
  'a number': '1234567',
  'a time': '2024-02-30T12:00:00+01:00',
  'a name': "Conan O'Brien",
  'an e-mail address': 'ann.smith@example.com',
  'a search term': '15" laptop sleeve and bag',
  'a media type': 'text/html,application/xhtml+xml;q=0.9,*/*;q=0.8',
  'a User-Agent':
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
  'a URL': 'https://example.com/search?q=a+or+b&sort=name&page=2#top',
  'a token': `eyJhbGciOiJFUzI1NiJ9.${'a1B2'.repeat(40)}.${'c3D4'.repeat(20)}`,
  'prose, 1 KB': 'The quick brown fox (it was red) jumps over the lazy dog; then it sleeps. '.repeat(14),
  'JSON, 1 KB': `{"items":[${'{"name":"Ann","n":1.5,"tags":["a","b"]},'.repeat(24)}null]}`,
  'rich text, 1 KB': '<p>Hello <a href="https://example.com/?a=1">there</a></p>'.repeat(18),
  'SQL injection': "x' or 1=1-- ",
  'SQL injection, union': '-1 union all select 1,2,concat(user,0x3a,password) from users',
  'SQL, 1 KB': `1 and ${'1=1 and '.repeat(125)}1=1`,
  'script tag': '"><script>alert(1)</script>',
  'event handler': '" onmouseover="alert(1)',
};

let sink = 0;

function nanoseconds(run: () => void): number {
  let calls = 1000;
  let least = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < calls; i++) run();
    const elapsed = Number(process.hrtime.bigint() - start);
    least = Math.min(least, elapsed / calls);
    calls = Math.max(100, Math.floor((ROUND_MS * 1e6) / (elapsed / calls)));
  }
  return least;
}

process.stdout.write(
  `${'value'.padEnd(24)}${'bytes'.padStart(8)}${'SQL ns'.padStart(10)}${'XSS ns'.padStart(10)}\n`,
);
for (const [name, value] of Object.entries(values)) {
  const sql = nanoseconds(() => {
    if (detectSqli(value) !== null) sink++;
  });
  const xss = nanoseconds(() => {
    if (detectXss(value)) sink++;
  });
  process.stdout.write(
    `${name.padEnd(24)}${String(value.length).padStart(8)}${sql.toFixed(0).padStart(10)}${xss.toFixed(0).padStart(10)}\n`,
  );
}
if (sink < 0) process.stdout.write('');
