// Traffic for the demo: good clients and attackers, sent to the demo's own address only, at a steady modest rate.
import { connect } from 'node:net';
import type { DemoCredentials } from './setup.ts';

const TICK_MS = 40;

interface Shot {
  readonly kind: string;
  readonly good: boolean;
  run(): Promise<number>;
}

export interface Traffic {
  stop(): void;
}

/** Sends until stopped; tells a line a second about what came back. */
export function startTraffic(
  port: number,
  credentials: DemoCredentials,
  print: (line: string) => void,
): Traffic {
  const base = `http://127.0.0.1:${port}`;
  let from = '';
  const shots = makeShots(base, port, credentials, () => from);
  const counts = new Map<string, number>();
  let n = 0;
  const timer = setInterval(() => {
    // Busier and quieter times of good clients; attackers come in waves.
    const nowMs = Date.now();
    const isAttack = n % (Math.sin(nowMs / 19_000) > 0.2 ? 3 : 9) === 2;
    n++;
    if (!isAttack && Math.random() > 0.75 + 0.25 * Math.sin(nowMs / 31_000)) return;
    const pool = shots.filter((shot) => shot.good !== isAttack);
    const shot = pool[Math.floor(Math.random() * pool.length)]!;
    // Read before the shot first waits.
    from = shot.good
      ? customers[Math.floor(Math.random() * customers.length)]!
      : (attackers[shot.kind] ?? OTHER_ATTACKER);
    shot.run().then(
      (status) => counts.set(`${shot.kind} ${status}`, (counts.get(`${shot.kind} ${status}`) ?? 0) + 1),
      () => counts.set(`${shot.kind} closed`, (counts.get(`${shot.kind} closed`) ?? 0) + 1),
    );
  }, TICK_MS);
  const teller = setInterval(() => {
    print(
      [...counts]
        .sort()
        .map(([kind, count]) => `${kind}: ${count}`)
        .join('   '),
    );
    counts.clear();
  }, 1000);
  return {
    stop: () => {
      clearInterval(timer);
      clearInterval(teller);
    },
  };
}

/** Addresses for documents (RFC 5737): customers, and some who are up to no good, each with a way of its own. */
const customers = ['192.0.2.10', '192.0.2.24', '192.0.2.77', '192.0.2.131'];
const attackers: Readonly<Record<string, string>> = {
  'key-guessing': '203.0.113.66',
  'old-token': '203.0.113.66',
  'forged-token': '203.0.113.66',
  'function-probing': '203.0.113.31',
  'accounts-of-others': '203.0.113.31',
  'method-override': '203.0.113.31',
  'mass-assignment': '203.0.113.120',
  injection: '203.0.113.120',
  'sql-injection': '203.0.113.120',
};
/** Scanners of everything. */
const OTHER_ATTACKER = '203.0.113.99';

function makeShots(base: string, port: number, credentials: DemoCredentials, from: () => string): Shot[] {
  const call = async (path: string, init: RequestInit = {}): Promise<number> => {
    const response = await fetch(base + path, {
      ...init,
      headers: { ...init.headers, 'x-forwarded-for': from() },
      signal: AbortSignal.timeout(5000),
    });
    await response.arrayBuffer();
    return response.status;
  };
  const as = (token: string) => ({ authorization: `Bearer ${token}` });
  const post = (path: string, token: string, body: unknown) =>
    call(path, {
      method: 'POST',
      headers: { ...as(token), 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const { ingrid, mateus, partnerKey, harbourKey, expired } = credentials;
  const payment = {
    from: 'acc_100001',
    to: 'NO9386011117947',
    money: { amount: '12.50', currency: 'EUR' },
    reference: 'coffee',
  };
  const guess = () => Math.random().toString(36).slice(2);
  return [
    { kind: 'accounts', good: true, run: () => call('/accounts', { headers: as(ingrid) }) },
    {
      kind: 'transactions',
      good: true,
      run: () => call('/accounts/acc_200001/transactions?limit=5', { headers: as(mateus) }),
    },
    { kind: 'payment', good: true, run: () => post('/payments', ingrid, payment) },
    {
      kind: 'partner',
      good: true,
      run: () => call('/orders?status=open', { headers: { 'x-api-key': partnerKey } }),
    },
    {
      kind: 'harbour',
      good: true,
      run: () => call('/orders?limit=5', { headers: { 'x-api-key': harbourKey } }),
    },
    {
      kind: 'key-guessing',
      good: false,
      run: () => call('/orders', { headers: { 'x-api-key': `gwk_partner-1_${guess()}` } }),
    },
    { kind: 'old-token', good: false, run: () => call('/accounts', { headers: as(expired) }) },
    {
      kind: 'forged-token',
      good: false,
      run: () => call('/accounts', { headers: as(`${ingrid.slice(0, -6)}AAAAAA`) }),
    },
    {
      kind: 'function-probing',
      good: false,
      run: () => call('/accounts/acc_100001/freeze', { method: 'POST', headers: as(mateus) }),
    },
    {
      kind: 'accounts-of-others',
      good: false,
      run: () => call(`/accounts/acc_1000${10 + Math.floor(Math.random() * 90)}`, { headers: as(mateus) }),
    },
    {
      kind: 'method-override',
      good: false,
      run: () =>
        call('/accounts/acc_200001', { headers: { ...as(mateus), 'x-http-method-override': 'DELETE' } }),
    },
    {
      kind: 'mass-assignment',
      good: false,
      run: () => post('/payments', mateus, { ...payment, status: 'settled', approved: true }),
    },
    {
      kind: 'injection',
      good: false,
      run: () => call(`/accounts/${encodeURIComponent("1' OR '1'='1")}`, { headers: as(ingrid) }),
    },
    {
      kind: 'sql-injection',
      good: false,
      run: () => post('/orders', ingrid, { sku: 'SAI-1042', quantity: 1, note: "x' OR '1'='1" }),
    },
    {
      kind: 'scanning',
      good: false,
      run: () =>
        call(`/${['.env', 'wp-login.php', 'internal/debug', 'actuator/env'][Math.floor(Math.random() * 4)]}`),
    },
    {
      kind: 'traversal',
      good: false,
      run: () =>
        raw(
          port,
          `GET /accounts/..%2finternal/debug HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: ${from()}\r\n\r\n`,
        ),
    },
    {
      kind: 'smuggling',
      good: false,
      run: () =>
        raw(
          port,
          `POST /payments HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: ${from()}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
        ),
    },
  ];
}

/** Sends bytes that no client library would, and reads the status. */
function raw(port: number, text: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text, 'latin1'));
    socket.setTimeout(5000, () => socket.destroy(new Error('late')));
    socket.once('data', (chunk) => {
      socket.destroy();
      resolve(Number(chunk.toString('latin1', 9, 12)));
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed')));
  });
}
