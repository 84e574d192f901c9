// What the servers of this folder need of whoever keeps identities: the current SVID of one service, what is trusted, and word of
// changes. One source stands for one service; who reached the socket has been attested by that.
import type { TrustBundle, VerifiedJwtSvid, X509Svid } from '../identity/index.ts';

export interface WorkloadSource {
  /** Null while the service may have none: it is unknown, disabled, or no authority issues. */
  readonly svid: X509Svid | null;
  /** The own trust domain's first, then those that are federated. */
  readonly bundles: readonly TrustBundle[];
  /** Rejects with IdentityError. */
  issueJwt(
    audiences: readonly string[],
    spiffeId: string,
  ): Promise<{ readonly spiffeId: string; readonly token: string }>;
  validateJwt(token: string, audience: string): VerifiedJwtSvid | string;
  /** Calls back when SVID or bundles have changed; answers a function that stops it. */
  onChange(callback: () => void): () => void;
}
