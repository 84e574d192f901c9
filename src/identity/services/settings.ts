// Settings of service identities as plain data of the configuration.

export interface ServicesConfig {
  readonly trustDomain: string;
  /** The gate's own service. */
  readonly gate: string;
  readonly x509LifeMs: number;
  readonly jwtLifeMs: number;
  /** How long one key signs JWT-SVIDs, ms. */
  readonly rotateMs: number;
  readonly refreshHintMs: number;
  readonly sockets: readonly WorkloadSocketConfig[];
  readonly clusters: readonly ClusterConfig[];
  readonly federation: readonly FederationConfig[];
}

/** One socket, one service: who can open it is that service. */
export interface WorkloadSocketConfig {
  /** Absolute path. */
  readonly path: string;
  readonly service: string;
  /** Permission bits, for instance 0o660. */
  readonly mode: number;
  /** Id of the group that owns the socket; null leaves it. */
  readonly group: number | null;
}

/** A Kubernetes cluster whose service-account tokens are believed. */
export interface ClusterConfig {
  readonly name: string;
  /** Audience that tokens must be for: the gate, never the API server. */
  readonly audience: string;
  readonly verify:
    | {
        readonly kind: 'review';
        readonly url: string;
        /** PEM; empty for the public authorities. */
        readonly ca: string;
        /** File with the gate's own token, read each time. */
        readonly bearerFile: string;
      }
    | {
        readonly kind: 'jwks';
        readonly issuer: string;
        readonly url: string;
        readonly ca: string;
        readonly bearerFile: string;
      };
}

export interface FederationConfig {
  readonly trustDomain: string;
  /** Bundle endpoint; empty where only the file is used. */
  readonly url: string;
  /** How the endpoint is authenticated (SPIFFE Federation section 5.2). */
  readonly profile: 'https_web' | 'https_spiffe';
  /** SPIFFE id that the endpoint must show; empty for https_web. */
  readonly endpointId: string;
  /** PEM of authorities for https_web instead of the public ones; empty for those. */
  readonly ca: string;
  /** First bundle, JSON text; empty for none. */
  readonly bundle: string;
}
