// `fetch` on connections that trust one authority and may show a certificate, which the platform's own can not.
import { request } from 'node:https';
import type { Issued } from './authority.ts';

/** Trusts `ca` (PEM) alone; follows no redirects. */
export const fetchOverTls =
  (ca: string, issued: Issued | null = null) =>
  (url: string | URL, init: RequestInit = {}): Promise<Response> =>
    new Promise((resolve, reject) => {
      const headers = Object.fromEntries(new Headers(init.headers));
      const client = issued === null ? {} : { cert: issued.certificate, key: issued.key };
      const sent = request(
        url,
        { method: init.method ?? 'GET', headers, agent: false, ca, ...client },
        (answer) => {
          const parts: Buffer[] = [];
          answer.on('data', (part: Buffer) => parts.push(part));
          answer.on('end', () => {
            const fields = new Headers();
            for (const [name, value] of Object.entries(answer.headers))
              for (const one of [value].flat()) if (one !== undefined) fields.append(name, one);
            const status = answer.statusCode!;
            const isEmpty = status === 204 || status === 304;
            resolve(new Response(isEmpty ? null : Buffer.concat(parts), { status, headers: fields }));
          });
        },
      );
      sent.on('error', reject);
      sent.end(init.body === null || init.body === undefined ? undefined : String(init.body));
    });
