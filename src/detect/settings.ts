// Settings of `detect:` as plain types; the configuration makes them, the plane reads them.
import type { ActionKind, DetectSettings, Priority } from './contract.ts';

export type ChannelTarget =
  | {
      readonly kind: 'smtp';
      readonly host: string;
      readonly port: number;
      /** `implicit` from the first byte, `starttls` refused without it, `none` in clear. */
      readonly tls: 'implicit' | 'starttls' | 'none';
      readonly user: string;
      readonly password: string;
      /** PEM authorities instead of the well-known ones; empty for those. */
      readonly ca: string;
      readonly from: string;
      readonly to: readonly string[];
    }
  | { readonly kind: 'slack' | 'teams'; readonly url: string; readonly ca: string }
  | { readonly kind: 'pagerduty'; readonly url: string; readonly key: string; readonly ca: string }
  | { readonly kind: 'opsgenie'; readonly url: string; readonly key: string; readonly ca: string }
  | {
      readonly kind: 'webhook';
      readonly url: string;
      readonly keyId: string;
      /** Shared secret of hmac-sha256. */
      readonly key: string;
      readonly ca: string;
    };

export interface QuietHours {
  /** Minutes since midnight in `zone`. */
  readonly from: number;
  readonly to: number;
  /** IANA time zone. */
  readonly zone: string;
  /** Incidents of at least this priority are told all the same. */
  readonly except: Priority;
}

export interface ChannelConfig {
  readonly name: string;
  readonly target: ChannelTarget;
  readonly minPriority: Priority;
  /** Incidents of so long are told together, ms; 0 for each at once. */
  readonly digestMs: number;
  readonly quiet: QuietHours | null;
  /** Told only when nobody has acknowledged after so long, ms; 0 for at once. */
  readonly escalateMs: number;
}

export interface RunbookStep {
  readonly kind: ActionKind;
  /** How long it lasts, ms. */
  readonly forMs: number;
  /** Most targets of one incident. */
  readonly most: number;
  /** For webhooks. */
  readonly url: string;
  readonly keyId: string;
  readonly key: string;
  readonly ca: string;
}

export interface RunbookConfig {
  readonly name: string;
  /** Empty: any. */
  readonly detectors: readonly string[];
  readonly minPriority: Priority;
  /** Largest p-value of the alert that it acts on. */
  readonly maxP: number;
  readonly steps: readonly RunbookStep[];
  /** Says what it would do, and does nothing. */
  readonly isDryRun: boolean;
  /** Most targets within an hour, over all incidents. */
  readonly mostAnHour: number;
}

export interface DetectConfig {
  readonly settings: DetectSettings;
  /** `api operation` whose failures are failed logins, besides those that look like it. */
  readonly loginOperations: readonly string[];
  readonly privilegedOperations: readonly string[];
  /** What is at stake, 1 to 5, by `api` or `api operation`. */
  readonly assets: Readonly<Record<string, number>>;
  readonly channels: readonly ChannelConfig[];
  readonly runbooks: readonly RunbookConfig[];
  /** Texts of Sigma rules, by file. */
  readonly sigma: readonly { readonly file: string; readonly text: string }[];
  /** Closed incidents are kept so long, ms. */
  readonly keepMs: number;
}
