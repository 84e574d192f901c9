// The built console: read once into memory, its files under names that change with their content. The page says what a browser
// may do with it: nothing but this.
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { sendProblem } from '../control/index.ts';

const types: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

const NONCE = '%NONCE%';

interface Asset {
  readonly type: string;
  readonly bytes: Buffer;
  readonly brotli: Buffer;
}

const policy = (nonce: string): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');

const notBuilt = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Gatewright</title>
<h1>The console is not built</h1><p>Run <code>npm run build:console</code>, then start the gate again. The API below /api/v1 works without it.</p></html>`;

export class ConsoleAssets {
  readonly #page: string;
  readonly #assets = new Map<string, Asset>();

  /** `folder` as Vite builds it; a folder that is not there serves a page that says so. */
  constructor(folder: string) {
    let page = notBuilt;
    try {
      page = readFileSync(join(folder, 'index.html'), 'utf8');
      for (const name of readdirSync(join(folder, 'assets'))) this.#add(name, join(folder, 'assets', name));
      this.#add('icon.svg', join(folder, 'icon.svg'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    this.#page = page;
  }

  #add(name: string, file: string): void {
    const type = types[extname(name)];
    if (type === undefined) return;
    const bytes = readFileSync(file);
    const brotli = type.startsWith('font/')
      ? bytes
      : brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 6 } });
    this.#assets.set(name, { type, bytes, brotli });
  }

  get isBuilt(): boolean {
    return this.#assets.size > 0;
  }

  sendPage(response: ServerResponse): void {
    const nonce = randomBytes(16).toString('base64');
    const text = this.#page.replaceAll(NONCE, nonce);
    response.writeHead(200, {
      'content-type': 'text/html; charset=utf-8',
      'content-length': Buffer.byteLength(text),
      'cache-control': 'no-cache',
      'content-security-policy': policy(nonce),
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'permissions-policy':
        'camera=(), microphone=(), geolocation=(), publickey-credentials-get=(self), publickey-credentials-create=(self)',
    });
    response.end(text);
  }

  sendAsset(request: IncomingMessage, response: ServerResponse, name: string, id: string): void {
    const asset = this.#assets.get(name);
    if (asset === undefined) return sendProblem(response, 'resource-unknown', id);
    const isSmall =
      /(?:^|[,\s])br(?:[,;\s]|$)/.test(String(request.headers['accept-encoding'] ?? '')) &&
      asset.brotli !== asset.bytes;
    const bytes = isSmall ? asset.brotli : asset.bytes;
    const isHashed = name !== 'icon.svg';
    response.writeHead(200, {
      'content-type': asset.type,
      'content-length': bytes.length,
      ...(isSmall ? { 'content-encoding': 'br' } : {}),
      vary: 'Accept-Encoding',
      'cache-control': isHashed ? 'public, max-age=31536000, immutable' : 'public, max-age=3600',
      'x-content-type-options': 'nosniff',
    });
    response.end(bytes);
  }
}
