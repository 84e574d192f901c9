// Bundles of other trust domains (SPIFFE Federation): fetched from their endpoints, kept in the state, handed to whoever verifies. What
// can not be fetched or read leaves the bundle of before; what was never there is trusted by nobody.
import { X509Certificate } from 'node:crypto';
import type { PeerCertificate } from 'node:tls';
import type { Clock } from '../../core/index.ts';
import { FetchError, guardedFetch } from '../../net/index.ts';
import { parseCertificate, parseSpiffeId } from '../../net/tls/index.ts';
import { BundleError, MAX_BUNDLE_BYTES, parseBundle, type TrustBundle, x509AuthoritiesOf } from './bundle.ts';
import type { ServiceStore } from './contract.ts';
import type { FederationConfig } from './settings.ts';

const TIMEOUT_MS = 10_000;
/** After a failure it is fetched again after this time, doubling up to the bundle's own hint, ms. */
const RETRY_MS = 5000;

export interface FederationOptions {
  readonly store: ServiceStore;
  readonly clock: Clock;
  readonly onChange: () => void;
  readonly onProblem: (trustDomain: string, problem: string) => void;
}

export class Federation {
  readonly #options: FederationOptions;
  readonly #configs: readonly FederationConfig[];
  readonly #bundles = new Map<string, TrustBundle>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  #stopped = false;

  constructor(configs: readonly FederationConfig[], options: FederationOptions) {
    this.#configs = configs;
    this.#options = options;
  }

  get bundles(): readonly TrustBundle[] {
    return [...this.#bundles.values()];
  }

  /** Takes what files and state know, then asks every endpoint once. Never rejects. */
  async start(): Promise<void> {
    const stored = await this.#options.store.bundles().catch(() => []);
    for (const { trustDomain, bundle } of this.#configs) {
      const texts = [bundle, stored.find((entry) => entry.trustDomain === trustDomain)?.document ?? ''];
      for (const text of texts) if (text !== '') this.#take(trustDomain, text);
    }
    await Promise.all(
      this.#configs.filter(({ url }) => url !== '').map((config) => this.#refresh(config, RETRY_MS)),
    );
  }

  /** Whether the text was a newer bundle. */
  #take(trustDomain: string, text: string): boolean {
    try {
      const next = parseBundle(text, trustDomain);
      const known = this.#bundles.get(trustDomain);
      // An older document must not come back, whoever replays it (section 4.1: the sequence only grows).
      if (
        known !== undefined &&
        (next.sequence < known.sequence || JSON.stringify(next) === JSON.stringify(known))
      )
        return false;
      this.#bundles.set(trustDomain, next);
      return true;
    } catch (error) {
      if (!(error instanceof BundleError)) throw error;
      this.#options.onProblem(trustDomain, error.message);
      return false;
    }
  }

  async #refresh(config: FederationConfig, retryMs: number): Promise<void> {
    const { trustDomain } = config;
    let nextMs = retryMs;
    try {
      const text = await this.#fetch(config);
      if (this.#take(trustDomain, text)) {
        await this.#options.store.putBundle({
          trustDomain,
          document: text,
          fetchedMs: this.#options.clock.epochMs(),
        });
        this.#options.onChange();
      }
      nextMs = this.#bundles.get(trustDomain)?.refreshHintMs ?? retryMs;
      retryMs = RETRY_MS;
    } catch (error) {
      this.#options.onProblem(trustDomain, error instanceof Error ? error.message : String(error));
      retryMs = Math.min(retryMs * 2, this.#bundles.get(trustDomain)?.refreshHintMs ?? 300_000);
    }
    if (this.#stopped) return;
    const timer = setTimeout(() => void this.#refresh(config, retryMs), nextMs);
    timer.unref();
    this.#timers.set(trustDomain, timer);
  }

  async #fetch({ url, profile, endpointId, ca, trustDomain }: FederationConfig): Promise<string> {
    const known = this.#bundles.get(parseSpiffeId(endpointId)?.trustDomain ?? trustDomain);
    if (profile === 'https_spiffe' && known === undefined)
      throw new FetchError('there is no bundle to verify the endpoint with');
    const answer = await guardedFetch({
      url,
      reach: 'anywhere',
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_BUNDLE_BYTES,
      ...(profile === 'https_spiffe'
        ? {
            ca: x509AuthoritiesOf(known!),
            identify: (peer: PeerCertificate) => checkEndpoint(peer, endpointId),
          }
        : { ca }),
    });
    if (answer.status !== 200) throw new FetchError(`the endpoint answers ${answer.status}`);
    return answer.body;
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }
}

/** SPIFFE Federation section 5.2.2: the endpoint's SVID has exactly the id that was agreed on; host names mean nothing. */
function checkEndpoint(peer: PeerCertificate, endpointId: string): Error | undefined {
  try {
    const { names, isCa } = parseCertificate(new X509Certificate(peer.raw).raw);
    if (!isCa && names.uris.length === 1 && names.uris[0] === endpointId) return undefined;
  } catch {
    // An unreadable certificate names nobody.
  }
  return new Error('the endpoint does not show the SPIFFE id that was agreed on');
}
