// HOT. The door of the engine for one request: takes what is said about it, and runs the phases.

import { randomBytes } from 'node:crypto';
import type { Interruption, PersistentCollections, Phase, RuleMatch, RuleTransaction } from '../contract.ts';
import { runPhaseFast } from '../fast/run-phase.ts';
import { readLatin1 } from '../latin1.ts';
import type { Profile } from '../rules/profile.ts';
import { parseRequestBody } from './request-body.ts';
import { withoutAuthority } from './request-text.ts';
import { runPhasePlain } from './run-phase.ts';
import { TransactionState } from './state.ts';
import { decodePercent, parseUrlEncoded } from './url-encoded.ts';

export interface TransactionOptions {
  /** Where `initcol` collections live; null: variables of them are not kept. */
  readonly persistent: PersistentCollections | null;
  /** Wall clock at the start. */
  readonly nowMs: number;
  /** UNIQUE_ID; empty for one of the engine's making. */
  readonly uniqueId: string;
}

const prefix = randomBytes(9).toString('hex');
let counter = 0;

const nextUniqueId = (): string => `${prefix}${(counter++).toString(16).padStart(10, '0')}`;

const BODY_LIMIT_STATUS = 413;
const ARGUMENT_LIMIT_STATUS = 400;

export class Transaction implements RuleTransaction {
  readonly #state: TransactionState;

  constructor(profile: Profile, options: TransactionOptions | null = null) {
    this.#state = new TransactionState(
      profile,
      options?.persistent ?? null,
      options?.nowMs ?? Date.now(),
      options === null || options.uniqueId === '' ? nextUniqueId() : options.uniqueId,
    );
  }

  get matches(): readonly RuleMatch[] {
    return this.#state.matches;
  }

  get interruption(): Interruption | null {
    return this.#state.interruption;
  }

  variable(name: string): string | null {
    return this.#state.tx.readNamed(name.toLowerCase());
  }

  /** All TX variables by lower-case name. */
  variables(): ReadonlyMap<string, string> {
    return this.#state.tx.snapshot();
  }

  connection(clientAddress: string, clientPort: number, serverAddress: string, serverPort: number): void {
    const state = this.#state;
    state.clientAddress = clientAddress;
    state.clientPort = clientPort;
    state.serverAddress = serverAddress;
    state.serverPort = serverPort;
  }

  requestLine(method: string, uri: string, version: string): void {
    const state = this.#state;
    state.method = method;
    state.uri = uri;
    state.protocol = version;
    const question = uri.indexOf('?');
    const path = question === -1 ? uri : uri.slice(0, question);
    state.filename = decodePercent(withoutAuthority(path));
    if (question === -1) return;
    state.queryString = uri.slice(question + 1);
    const { settings } = state.profile.ruleSet;
    state.hasMalformedEscape = parseUrlEncoded(
      state.queryString,
      settings.argumentSeparator,
      settings.maxArguments,
      state.queryArguments,
    );
  }

  requestHeader(name: string, value: string): void {
    this.#state.headers.add(name, value);
  }

  runRequestHeaders(): Interruption | null {
    const state = this.#state;
    if (state.mode === 'off') return null;
    if (state.queryArguments.isTruncated && this.#refuseArguments(1)) return state.interruption;
    state.bodyProcessor = processorOf(state.headers.first('content-type'));
    return this.#run(1);
  }

  wantsRequestBody(): boolean {
    const state = this.#state;
    return state.mode !== 'off' && state.requestBodyAccess && state.allowedThrough < 2;
  }

  requestBody(chunk: Uint8Array | string): Interruption | null {
    const state = this.#state;
    if (state.mode === 'off' || !state.requestBodyAccess || state.isBodyTruncated) return state.interruption;
    const { requestBodyLimitBytes, requestBodyLimitAction } = state.profile.ruleSet.settings;
    const text = typeof chunk === 'string' ? chunk : latin1(chunk);
    if (state.rawBody.length + text.length <= requestBodyLimitBytes) {
      state.rawBody += text;
      return null;
    }
    state.rawBody += text.slice(0, requestBodyLimitBytes - state.rawBody.length);
    state.isBodyTruncated = true;
    if (requestBodyLimitAction === 'reject') this.#refuse(BODY_LIMIT_STATUS, 2, 'body-limit');
    return state.interruption;
  }

  runRequestBody(): Interruption | null {
    const state = this.#state;
    if (state.mode === 'off' || state.interruption !== null || state.allowedThrough >= 2) {
      return state.interruption;
    }
    parseRequestBody(state);
    if (state.bodyArguments.isTruncated && this.#refuseArguments(2)) return state.interruption;
    return this.#run(2);
  }

  responseStatus(status: number, protocol: string): void {
    this.#state.responseStatus = status;
    this.#state.responseProtocol = protocol;
  }

  responseHeader(name: string, value: string): void {
    this.#state.responseHeaders.add(name, value);
  }

  runResponseHeaders(): Interruption | null {
    return this.#run(3);
  }

  wantsResponseBody(): boolean {
    const state = this.#state;
    if (state.mode === 'off' || !state.responseBodyAccess || state.allowedThrough >= 4) return false;
    const type = state.responseHeaders.first('content-type') ?? '(null)';
    const media = type.split(';', 1)[0]!.trim().toLowerCase();
    const types = state.profile.ruleSet.settings.responseBodyMimeTypes;
    // Every type: whoever embeds the engine chooses.
    return types.includes('*/*') || types.includes(media);
  }

  responseBody(chunk: Uint8Array | string): Interruption | null {
    const state = this.#state;
    if (!this.wantsResponseBody() || state.isResponseTruncated) return state.interruption;
    const { responseBodyLimitBytes, responseBodyLimitAction } = state.profile.ruleSet.settings;
    const text = typeof chunk === 'string' ? chunk : latin1(chunk);
    if (state.responseBody.length + text.length <= responseBodyLimitBytes) {
      state.responseBody += text;
      return null;
    }
    state.responseBody += text.slice(0, responseBodyLimitBytes - state.responseBody.length);
    state.isResponseTruncated = true;
    if (responseBodyLimitAction === 'reject') this.#refuse(500, 4, 'body-limit');
    return state.interruption;
  }

  runResponseBody(): Interruption | null {
    return this.#run(4);
  }

  runLogging(): void {
    if (this.#state.mode !== 'off') this.#runPhase(5);
  }

  #run(phase: Phase): Interruption | null {
    const state = this.#state;
    if (state.mode !== 'off' && state.interruption === null && state.allowedThrough < phase) {
      this.#runPhase(phase);
    }
    return state.interruption;
  }

  #runPhase(phase: Phase): void {
    const state = this.#state;
    state.phase = phase;
    const { plan } = state.profile;
    if (plan === null) runPhasePlain(state, phase);
    else runPhaseFast(state, plan, phase);
  }

  #refuseArguments(phase: Phase): boolean {
    return this.#refuse(ARGUMENT_LIMIT_STATUS, phase, 'argument-limit');
  }

  /** The engine's own interruption; only where rules may interrupt, too. */
  #refuse(status: number, phase: Phase, reason: Interruption['reason']): boolean {
    const state = this.#state;
    if (state.mode !== 'on') return false;
    state.interruption ??= { action: 'deny', status, ruleId: 0, phase, reason, location: '' };
    return true;
  }
}

/** The processor that ModSecurity chooses by itself; JSON and XML are for rules to choose. */
function processorOf(contentType: string | null): string {
  if (contentType === null) return '';
  const type = contentType.toLowerCase();
  if (type.startsWith('application/x-www-form-urlencoded')) return 'URLENCODED';
  return type.startsWith('multipart/form-data') ? 'MULTIPART' : '';
}

const latin1 = (bytes: Uint8Array): string =>
  readLatin1(
    Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    0,
    bytes.byteLength,
  );
