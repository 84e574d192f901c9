/** What is added to and taken from answers. */
export interface HardenConfig {
  /** Adds nosniff, frame, referrer, cache and permission fields where the upstream set none. */
  readonly securityFields: boolean;
  /** Strict-Transport-Security max-age on TLS listeners, seconds; 0 sends none. */
  readonly hstsSeconds: number;
  /** Lower-case answer fields that tell about the upstream's software, removed. */
  readonly removeFields: readonly string[];
  readonly cors: CorsConfig | null;
}

/** Cross-origin access (Fetch standard, CORS protocol). */
export interface CorsConfig {
  /** Exact origins such as `https://app.example.com`, or the single entry `*`. */
  readonly origins: readonly string[];
  readonly methods: readonly string[];
  /** Lower-case request field names. */
  readonly requestFields: readonly string[];
  readonly exposeFields: readonly string[];
  /** Not together with origin `*`. */
  readonly credentials: boolean;
  readonly maxAgeSeconds: number;
}
