// Description of the service `service-identity`: the bundle for everybody, and SVIDs for whoever proves to be a service.
import type { ServiceDescription } from '../../control/contract.ts';
import type { ContractOperation } from '../../openapi/index.ts';

const operation = (
  id: string,
  method: 'GET' | 'POST',
  template: string,
  summary: string,
  schema: unknown = null,
): ContractOperation => ({
  id,
  method,
  template,
  parameters: [],
  body: schema === null ? null : { required: true, content: [{ mediaType: 'application/json', schema }] },
  security: null,
  deprecated: false,
  summary,
  line: 0,
  column: 0,
});

const text = (maxLength: number) => ({ type: 'string', minLength: 1, maxLength });

export const serviceIdentityService: ServiceDescription = {
  name: 'service-identity',
  summary: 'SPIFFE bundle endpoint, revocation lists, and SVIDs for services that prove who they are.',
  operations: [
    operation('getBundle', 'GET', '/bundle', 'Trust bundle of the trust domain (SPIFFE bundle format).'),
    operation('getRevocationLists', 'GET', '/crl', 'Revocation lists of the issuing authorities, PEM.'),
    operation('issueX509Svid', 'POST', '/x509-svid', 'An X509-SVID for the key of a request.', {
      type: 'object',
      required: ['csr'],
      properties: {
        csr: text(8192),
        joinToken: text(200),
        kubernetes: {
          type: 'object',
          required: ['cluster', 'token'],
          properties: { cluster: text(64), token: text(16_384) },
          additionalProperties: false,
        },
      },
      additionalProperties: false,
    }),
    operation('issueJwtSvid', 'POST', '/jwt-svid', 'A JWT-SVID for the holder of an X509-SVID.', {
      type: 'object',
      required: ['audience'],
      properties: { audience: { type: 'array', minItems: 1, maxItems: 10, items: text(1024) } },
      additionalProperties: false,
    }),
  ],
  document: {},
  open: {
    getBundle: 'public keys, for whoever verifies services',
    getRevocationLists: 'public, for whoever verifies services',
    issueX509Svid:
      'proves itself by a join token, a token of its cluster, or the certificate of its connection',
    issueJwtSvid: 'proves itself by the certificate of its connection',
  },
  validates: true,
  internalOnly: false,
};
