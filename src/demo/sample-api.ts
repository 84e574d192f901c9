// The service behind the demo: a small bank with data to look at. It is as careless as services are: it tells what it
// runs on, has an operation that no contract mentions, shows anybody any account, and believes every field it is sent. The gate makes up for it.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';

interface Account {
  readonly id: string;
  readonly owner: string;
  readonly name: string;
  balance: string;
  readonly currency: string;
  frozen: boolean;
}

const accounts: Account[] = [
  { id: 'acc_100001', owner: 'ingrid', name: 'Everyday', balance: '2481.30', currency: 'EUR', frozen: false },
  { id: 'acc_100002', owner: 'ingrid', name: 'Savings', balance: '18200.00', currency: 'EUR', frozen: false },
  { id: 'acc_200001', owner: 'mateus', name: 'Household', balance: '914.75', currency: 'NOK', frozen: false },
  {
    id: 'acc_200002',
    owner: 'mateus',
    name: 'Sail loft',
    balance: '6033.10',
    currency: 'NOK',
    frozen: false,
  },
];

const shops = ['Bakeriet Nord', 'Kystferge AS', 'Bryggen Books', 'Fjordkraft', 'Rema 1000', 'Havn Apotek'];

const transactions = (account: Account) =>
  Array.from({ length: 12 }, (_, i) => ({
    id: `txn_${account.id.slice(4)}${String(i).padStart(3, '0')}`,
    date: `2026-${String(11 - Math.floor(i / 4)).padStart(2, '0')}-${String(26 - 2 * i).padStart(2, '0')}`,
    counterparty: shops[(i * 5 + account.id.charCodeAt(9)) % shops.length],
    amount: `-${(12.4 + i * 7.35).toFixed(2)}`,
    currency: account.currency,
  }));

const orders = [
  { id: 'ord_5001', sku: 'SAI-1042', quantity: 1, status: 'open', customer: 'mateus' },
  { id: 'ord_5002', sku: 'ROP-0007', quantity: 4, status: 'shipped', customer: 'mateus' },
  { id: 'ord_5003', sku: 'LMP-3310', quantity: 2, status: 'open', customer: 'ingrid' },
  { id: 'ord_5004', sku: 'TEN-0200', quantity: 1, status: 'cancelled', customer: 'ingrid' },
];

/** Starts the sample on a free loopback port. */
export function startSampleApi(): Promise<{ readonly port: number; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    answer(request, response).catch((error: Error) => {
      response.statusCode = 500;
      // Exactly what a service should not do.
      response.end(error.stack);
    });
  });
  server.keepAliveTimeout = 60_000;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve({
        port: typeof address === 'object' && address !== null ? address.port : 0,
        close: () => close(server),
      });
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    server: 'Apache-Coyote/1.1',
    'x-powered-by': 'Express 4.16.1',
  });
  response.end(JSON.stringify(body));
}

/** `sub` of the token, unverified: the service trusts the gate, as services do. */
function callerOf(request: IncomingMessage): string {
  const token = /^bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (token === undefined) return '';
  return (
    (JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { sub?: string }).sub ?? ''
  );
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://sample');
  const caller = callerOf(request);
  const limit = Number(url.searchParams.get('limit') ?? 20);
  const [, collection, id, part] = url.pathname.split('/');
  const account = accounts.find((entry) => entry.id === id);
  switch (`${request.method === 'HEAD' ? 'GET' : request.method} ${collection}`) {
    case 'GET health':
      return send(response, 200, { status: 'ok' });
    case 'GET ledger':
      return send(response, 200, {
        accounts: accounts.length,
        frozen: accounts.filter((a) => a.frozen).length,
      });
    case 'GET internal':
      return send(response, 200, {
        debug: true,
        database: 'postgres://bank:hunter2@10.0.0.7/bank',
        env: process.version,
      });
    case 'GET accounts':
      if (id === undefined)
        return send(response, 200, accounts.filter((entry) => entry.owner === caller).slice(0, limit));
      // Whose account it is nobody asks here.
      if (account === undefined) return send(response, 404, { error: 'no such account' });
      return send(response, 200, part === 'transactions' ? transactions(account).slice(0, limit) : account);
    case 'POST accounts':
      if (account === undefined) return send(response, 404, { error: 'no such account' });
      account.frozen = true;
      return send(response, 200, account);
    case 'POST payments':
      return send(response, 201, {
        id: `pay_${Date.now().toString(36)}`,
        status: 'accepted',
        ...((await json(request)) as object),
      });
    case 'GET orders': {
      const status = url.searchParams.get('status');
      return send(
        response,
        200,
        orders.filter((entry) => status === null || entry.status === status).slice(0, limit),
      );
    }
    case 'POST orders':
      return send(response, 201, {
        id: `ord_${Date.now().toString(36)}`,
        status: 'open',
        ...((await json(request)) as object),
      });
    default:
      return send(response, 404, { error: `Cannot ${request.method} ${url.pathname}` });
  }
}
