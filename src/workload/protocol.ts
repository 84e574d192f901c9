// The messages of the SPIFFE Workload API and of Envoy's secret discovery service as descriptors: field numbers of the published
// specifications, in the shape that protobufjs reads. Of Envoy's API only the fields that are used here; others are skipped.

import type { ServiceDefinition } from '@grpc/grpc-js';
import { fromJSON, type MessageTypeDefinition, type PackageDefinition } from '@grpc/proto-loader';

const field = (id: number, type: string, rule?: 'repeated') => ({
  id,
  type,
  ...(rule === undefined ? {} : { rule }),
});
const map = (id: number, type: string) => ({ id, type, keyType: 'string' });
const method = (
  requestType: string,
  responseType: string,
  requestStream: boolean,
  responseStream: boolean,
) => ({
  requestType,
  responseType,
  ...(requestStream ? { requestStream } : {}),
  ...(responseStream ? { responseStream } : {}),
});

/** https://spiffe.io/docs/latest/spiffe-specs/spiffe_workload_api/ */
const workloadApi = {
  X509SVIDRequest: { fields: {} },
  X509SVIDResponse: {
    fields: {
      svids: field(1, 'X509SVID', 'repeated'),
      crl: field(2, 'bytes', 'repeated'),
      federatedBundles: map(3, 'bytes'),
    },
  },
  X509SVID: {
    fields: {
      spiffeId: field(1, 'string'),
      x509Svid: field(2, 'bytes'),
      x509SvidKey: field(3, 'bytes'),
      bundle: field(4, 'bytes'),
      hint: field(5, 'string'),
    },
  },
  X509BundlesRequest: { fields: {} },
  X509BundlesResponse: { fields: { crl: field(1, 'bytes', 'repeated'), bundles: map(2, 'bytes') } },
  JWTSVIDRequest: { fields: { audience: field(1, 'string', 'repeated'), spiffeId: field(2, 'string') } },
  JWTSVIDResponse: { fields: { svids: field(1, 'JWTSVID', 'repeated') } },
  JWTSVID: { fields: { spiffeId: field(1, 'string'), svid: field(2, 'string'), hint: field(3, 'string') } },
  JWTBundlesRequest: { fields: {} },
  JWTBundlesResponse: { fields: { bundles: map(1, 'bytes') } },
  ValidateJWTSVIDRequest: { fields: { audience: field(1, 'string'), svid: field(2, 'string') } },
  ValidateJWTSVIDResponse: {
    fields: { spiffeId: field(1, 'string'), claims: field(2, 'google.protobuf.Struct') },
  },
  SpiffeWorkloadAPI: {
    methods: {
      FetchX509SVID: method('X509SVIDRequest', 'X509SVIDResponse', false, true),
      FetchX509Bundles: method('X509BundlesRequest', 'X509BundlesResponse', false, true),
      FetchJWTSVID: method('JWTSVIDRequest', 'JWTSVIDResponse', false, false),
      FetchJWTBundles: method('JWTBundlesRequest', 'JWTBundlesResponse', false, true),
      ValidateJWTSVID: method('ValidateJWTSVIDRequest', 'ValidateJWTSVIDResponse', false, false),
    },
  },
};

const wellKnown = {
  google: {
    nested: {
      protobuf: {
        nested: {
          Any: { fields: { type_url: field(1, 'string'), value: field(2, 'bytes') } },
          Struct: { fields: { fields: map(1, 'Value') } },
          Value: {
            oneofs: {
              kind: {
                oneof: ['nullValue', 'numberValue', 'stringValue', 'boolValue', 'structValue', 'listValue'],
              },
            },
            fields: {
              nullValue: field(1, 'NullValue'),
              numberValue: field(2, 'double'),
              stringValue: field(3, 'string'),
              boolValue: field(4, 'bool'),
              structValue: field(5, 'Struct'),
              listValue: field(6, 'ListValue'),
            },
          },
          NullValue: { values: { NULL_VALUE: 0 } },
          ListValue: { fields: { values: field(1, 'Value', 'repeated') } },
        },
      },
      rpc: { nested: { Status: { fields: { code: field(1, 'int32'), message: field(2, 'string') } } } },
    },
  },
};

const DISCOVERY = 'envoy.service.discovery.v3';
/** https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/discovery/v3/discovery.proto */
const discovery = {
  DiscoveryRequest: {
    fields: {
      versionInfo: field(1, 'string'),
      resourceNames: field(3, 'string', 'repeated'),
      typeUrl: field(4, 'string'),
      responseNonce: field(5, 'string'),
      errorDetail: field(6, 'google.rpc.Status'),
    },
  },
  DiscoveryResponse: {
    fields: {
      versionInfo: field(1, 'string'),
      resources: field(2, 'google.protobuf.Any', 'repeated'),
      typeUrl: field(4, 'string'),
      nonce: field(5, 'string'),
    },
  },
  DeltaDiscoveryRequest: {
    fields: {
      typeUrl: field(2, 'string'),
      resourceNamesSubscribe: field(3, 'string', 'repeated'),
      resourceNamesUnsubscribe: field(4, 'string', 'repeated'),
      initialResourceVersions: map(5, 'string'),
      responseNonce: field(6, 'string'),
      errorDetail: field(7, 'google.rpc.Status'),
    },
  },
  DeltaDiscoveryResponse: {
    fields: {
      systemVersionInfo: field(1, 'string'),
      resources: field(2, 'Resource', 'repeated'),
      typeUrl: field(4, 'string'),
      nonce: field(5, 'string'),
      removedResources: field(6, 'string', 'repeated'),
    },
  },
  Resource: {
    fields: {
      version: field(1, 'string'),
      resource: field(2, 'google.protobuf.Any'),
      name: field(3, 'string'),
    },
  },
};

const DATA_SOURCE = 'envoy.config.core.v3.DataSource';
const tls = {
  Secret: {
    oneofs: { type: { oneof: ['tlsCertificate', 'validationContext'] } },
    fields: {
      name: field(1, 'string'),
      tlsCertificate: field(2, 'TlsCertificate'),
      validationContext: field(4, 'CertificateValidationContext'),
    },
  },
  TlsCertificate: { fields: { certificateChain: field(1, DATA_SOURCE), privateKey: field(2, DATA_SOURCE) } },
  CertificateValidationContext: {
    fields: {
      trustedCa: field(1, DATA_SOURCE),
      customValidatorConfig: field(12, 'envoy.config.core.v3.TypedExtensionConfig'),
    },
  },
  SPIFFECertValidatorConfig: {
    fields: { trustDomains: field(1, 'TrustDomain', 'repeated') },
    nested: { TrustDomain: { fields: { name: field(1, 'string'), trustBundle: field(2, DATA_SOURCE) } } },
  },
};

const core = {
  DataSource: {
    oneofs: { specifier: { oneof: ['inlineBytes'] } },
    fields: { inlineBytes: field(2, 'bytes') },
  },
  TypedExtensionConfig: {
    fields: { name: field(1, 'string'), typedConfig: field(2, 'google.protobuf.Any') },
  },
};

const v3 = (nested: object) => ({ nested: { v3: { nested } } });

const envoy = {
  envoy: {
    nested: {
      config: { nested: { core: v3(core) } },
      extensions: { nested: { transport_sockets: { nested: { tls: v3(tls) } } } },
      service: {
        nested: {
          discovery: v3(discovery),
          secret: v3({
            SecretDiscoveryService: {
              methods: {
                DeltaSecrets: method(
                  `${DISCOVERY}.DeltaDiscoveryRequest`,
                  `${DISCOVERY}.DeltaDiscoveryResponse`,
                  true,
                  true,
                ),
                StreamSecrets: method(
                  `${DISCOVERY}.DiscoveryRequest`,
                  `${DISCOVERY}.DiscoveryResponse`,
                  true,
                  true,
                ),
                FetchSecrets: method(
                  `${DISCOVERY}.DiscoveryRequest`,
                  `${DISCOVERY}.DiscoveryResponse`,
                  false,
                  false,
                ),
              },
            },
          }),
        },
      },
    },
  },
};

const definition: PackageDefinition = fromJSON(
  { nested: { ...workloadApi, ...wellKnown, ...envoy } } as Parameters<typeof fromJSON>[0],
  { defaults: true, arrays: true, objects: true, keepCase: true },
);

export const workloadService = definition['SpiffeWorkloadAPI'] as ServiceDefinition;
export const secretService = definition[
  'envoy.service.secret.v3.SecretDiscoveryService'
] as ServiceDefinition;

const typePrefix = 'type.googleapis.com/';
const TLS = 'envoy.extensions.transport_sockets.tls.v3';
export const SECRET_TYPE = `${typePrefix}${TLS}.Secret`;

export interface AnyMessage {
  readonly type_url: string;
  readonly value: Buffer;
}

/** A message packed into google.protobuf.Any. */
export function packAny(name: 'Secret' | 'SPIFFECertValidatorConfig', message: object): AnyMessage {
  const type = definition[`${TLS}.${name}`] as MessageTypeDefinition<object, object>;
  return { type_url: `${typePrefix}${TLS}.${name}`, value: type.serialize(message) };
}
