// The service `key-set`: publishes the public keys of what the gate signs.
import type { ServiceHandler } from '../control/index.ts';

/** How long readers may keep the set, s. Keys are announced longer than this before they sign. */
const MAX_AGE_S = 300;

/** `keySet` answers the JWK Set as JSON text. */
export const keySetHandler =
  (keySet: () => string): ServiceHandler =>
  (_request, response) => {
    const body = keySet();
    response.writeHead(200, {
      'content-type': 'application/jwk-set+json',
      'content-length': Buffer.byteLength(body),
      'cache-control': `public, max-age=${MAX_AGE_S}`,
    });
    response.end(body);
  };
