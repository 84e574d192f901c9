// All certificates of all listeners, on the main thread: sources, staples and ticket keys become the material that
// data-plane threads serve. What a reload does not change goes on undisturbed.
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../core/index.ts';
import {
  parseCertificate,
  pemCertificates,
  type ServedCertificate,
  type TlsMaterial,
  type TrustAnchors,
} from '../../net/tls/index.ts';
import { AcmeSource, type CertificateLog } from './acme-source.ts';
import { type ChallengeAnswers, Challenges, type PublishChallenges } from './challenges.ts';
import type { AcmeAccountConfig, CertificateConfig } from './contract.ts';
import { type CertificateSource, FileSource } from './source.ts';
import { Stapler } from './stapler.ts';

/** Keys for tickets are replaced this often, ms; a ticket of older keys costs its client a full handshake. */
const TICKET_KEY_LIFE_MS = 3_600_000;
const TICKET_KEY_BYTES = 48;

/** What the manager needs of a listener's configuration. */
export interface CertificateListener {
  readonly name: string;
  readonly tls: {
    readonly staple: boolean;
    readonly certificates: readonly CertificateConfig[];
    readonly settings: { readonly clients: { readonly domains: readonly string[] } | null };
  } | null;
}

export interface CertificateManagerOptions {
  readonly clock: Clock;
  readonly log: CertificateLog;
  /** New material for one listener; called only while serving. */
  readonly onMaterial: (material: TlsMaterial) => void;
  readonly publishChallenges: PublishChallenges;
  /** Authorities of a trust domain of services, as they are known now. */
  readonly anchorsOf?: (trustDomain: string) => readonly TrustAnchors[];
  readonly random?: () => number;
}

/** One certificate as metrics show it. */
export interface CertificateView {
  readonly listener: string;
  readonly label: string;
  readonly source: 'file' | 'acme';
  readonly notAfterMs: number;
  /** When the stapled answer ends, 0 without one; null where none is wanted. */
  readonly stapleUntilMs: number | null;
}

interface Kept {
  readonly key: string;
  readonly source: CertificateSource;
}

interface Row {
  readonly listener: string;
  readonly staple: boolean;
  readonly kept: readonly Kept[];
  readonly domains: readonly string[];
}

export class CertificateManager {
  readonly #options: CertificateManagerOptions;
  readonly #challenges: Challenges;
  #rows: readonly Row[] = [];
  #sources = new Map<string, CertificateSource>();
  /** By chain. */
  #staplers = new Map<string, Stapler>();
  readonly #ticketKeys = new Map<string, Buffer>();
  readonly #rotation: NodeJS.Timeout;
  #serving = false;

  constructor(options: CertificateManagerOptions) {
    this.#options = options;
    this.#challenges = new Challenges(options.publishChallenges);
    this.#rotation = setInterval(() => this.rotateTicketKeys(), TICKET_KEY_LIFE_MS);
    this.#rotation.unref();
  }

  /**
   * Takes a configuration; resolves when what can be had without serving is here, and the first staples of certificates
   * that must have one. Nothing is announced until `serve`: data-plane threads still have the configuration of before.
   */
  async configure(
    listeners: readonly CertificateListener[],
    accounts: readonly AcmeAccountConfig[],
  ): Promise<void> {
    this.#serving = false;
    const next = new Map<string, CertificateSource>();
    const fresh: CertificateSource[] = [];
    const rows: Row[] = [];
    for (const { name, tls } of listeners) {
      if (tls === null) continue;
      if (!this.#ticketKeys.has(name)) this.#ticketKeys.set(name, randomBytes(TICKET_KEY_BYTES));
      const kept = tls.certificates.map((certificate): Kept => {
        const account =
          certificate.kind === 'acme'
            ? accounts.find((entry) => entry.name === certificate.account)
            : undefined;
        const key = JSON.stringify([certificate, account ?? null]);
        let source = next.get(key) ?? this.#sources.get(key);
        if (source === undefined) {
          source = this.#createSource(certificate, account);
          fresh.push(source);
        }
        next.set(key, source);
        return { key, source };
      });
      rows.push({ listener: name, staple: tls.staple, kept, domains: tls.settings.clients?.domains ?? [] });
    }
    for (const [key, source] of this.#sources) if (!next.has(key)) source.stop();
    this.#sources = next;
    this.#rows = rows;
    await Promise.all(fresh.map((source) => source.start()));
    await this.#refreshStaplers();
  }

  #createSource(certificate: CertificateConfig, account: AcmeAccountConfig | undefined): CertificateSource {
    if (certificate.kind === 'file') return new FileSource(certificate);
    if (account === undefined) throw new RangeError(`unknown ACME authority ${certificate.account}`);
    const { clock, log, random } = this.#options;
    const source: AcmeSource = new AcmeSource({
      account,
      names: certificate.names,
      challenges: this.#challenges,
      clock,
      log,
      random: random ?? Math.random,
      onChange: () => void this.#changed(source),
    });
    return source;
  }

  async #changed(source: CertificateSource): Promise<void> {
    await this.#refreshStaplers();
    this.#announce(({ kept }) => kept.some((entry) => entry.source === source));
  }

  /** Staplers for all chains that want one; resolves when each new one that must have a staple has tried once. */
  async #refreshStaplers(): Promise<void> {
    const next = new Map<string, Stapler>();
    const fresh: Stapler[] = [];
    for (const { staple, kept } of this.#rows) {
      if (!staple) continue;
      for (const { source } of kept) {
        const chain = source.current?.chain;
        if (chain === undefined || next.has(chain)) continue;
        let stapler = this.#staplers.get(chain) ?? null;
        if (stapler === null) {
          stapler = this.#createStapler(chain, source.label);
          if (stapler === null) continue;
          fresh.push(stapler);
        }
        next.set(chain, stapler);
      }
    }
    for (const [chain, stapler] of this.#staplers) if (!next.has(chain)) stapler.stop();
    this.#staplers = next;
    await Promise.all(fresh.map((stapler) => (stapler.isRequired ? stapler.start() : void stapler.start())));
  }

  #createStapler(chain: string, label: string): Stapler | null {
    const [certificate, issuer] = pemCertificates(chain);
    if (certificate === undefined) return null;
    const { ocspUrl, mustStaple } = parseCertificate(certificate);
    const { clock, log } = this.#options;
    if (ocspUrl === '' || issuer === undefined) {
      if (ocspUrl !== '' || mustStaple)
        log(mustStaple ? 'error' : 'warning', 'staple-impossible', {
          certificate: label,
          problem: ocspUrl === '' ? 'it names no responder' : 'the chain does not hold its issuer',
        });
      return null;
    }
    return new Stapler({
      certificate,
      issuer,
      label,
      clock,
      log,
      onChange: () =>
        this.#announce(({ kept }) => kept.some(({ source }) => source.current?.chain === chain)),
    });
  }

  /** The gate serves what was configured: orders may begin, and what has changed since is announced. */
  serve(): void {
    this.#serving = true;
    this.#announce(() => true);
    for (const source of this.#sources.values()) source.serve();
  }

  get challenges(): ChallengeAnswers {
    return this.#challenges.answers;
  }

  get materials(): TlsMaterial[] {
    return this.#rows.map((row) => this.#materialOf(row));
  }

  #materialOf({ listener, staple, kept, domains }: Row): TlsMaterial {
    return {
      listener,
      certificates: kept.flatMap(({ source }): ServedCertificate[] => {
        const bundle = source.current;
        if (bundle === null) return [];
        const [leaf] = pemCertificates(bundle.chain);
        return [
          {
            ...bundle,
            staple: staple ? (this.#staplers.get(bundle.chain)?.response ?? null) : null,
            mustStaple: leaf !== undefined && parseCertificate(leaf).mustStaple,
          },
        ];
      }),
      ticketKeys: this.#ticketKeys.get(listener)!,
      challenges: this.#challenges.answers.alpn,
      anchors: domains.flatMap((domain) => this.#options.anchorsOf?.(domain) ?? []),
    };
  }

  #announce(concerns: (row: Row) => boolean): void {
    if (!this.#serving) return;
    for (const row of this.#rows) if (concerns(row)) this.#options.onMaterial(this.#materialOf(row));
  }

  /** Authorities of trust domains have changed. */
  trustChanged(): void {
    this.#announce(({ domains }) => domains.length > 0);
  }

  /** New keys for the tickets of all listeners. */
  rotateTicketKeys(): void {
    for (const name of this.#ticketKeys.keys()) this.#ticketKeys.set(name, randomBytes(TICKET_KEY_BYTES));
    this.#announce(() => true);
  }

  get views(): CertificateView[] {
    return this.#rows.flatMap(({ listener, staple, kept }) =>
      kept.flatMap(({ source }): CertificateView[] => {
        const [leaf] = source.current === null ? [] : pemCertificates(source.current.chain);
        if (leaf === undefined) return [];
        const stapler = staple ? this.#staplers.get(source.current!.chain) : undefined;
        return [
          {
            listener,
            label: source.label,
            source: source.kind,
            notAfterMs: parseCertificate(leaf).notAfterMs,
            stapleUntilMs: stapler?.nextUpdateMs ?? null,
          },
        ];
      }),
    );
  }

  /** Orders by result since the start, over all sources that are there now. */
  get orders(): { readonly success: number; readonly failure: number } {
    let [success, failure] = [0, 0];
    for (const source of this.#sources.values()) {
      if (!(source instanceof AcmeSource)) continue;
      success += source.orders.success;
      failure += source.orders.failure;
    }
    return { success, failure };
  }

  stop(): void {
    this.#serving = false;
    clearInterval(this.#rotation);
    for (const source of this.#sources.values()) source.stop();
    for (const stapler of this.#staplers.values()) stapler.stop();
  }
}
