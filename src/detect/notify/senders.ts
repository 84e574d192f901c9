// Receivers of notifications: e-mail by nodemailer, the others by one POST each in the form that their service wants.
import { createHash, createHmac, randomUUID } from 'node:crypto';
import { FetchError, guardedFetch } from '../../net/index.ts';
import type { Priority } from '../contract.ts';
import type { ChannelTarget } from '../settings.ts';
import type { Message } from './message.ts';

const TIMEOUT_MS = 15_000;
const MAX_ANSWER_BYTES = 65_536;
const MAX_CHAT_CHARACTERS = 2800;

/** A message could not be delivered. `isFinal`: trying again does not help. */
export class DeliveryError extends Error {
  override readonly name = 'DeliveryError';
  readonly isFinal: boolean;

  constructor(message: string, isFinal: boolean) {
    super(message);
    this.isFinal = isFinal;
  }
}

export interface Sender {
  /** Rejects with DeliveryError. */
  send(message: Message): Promise<void>;
  close(): void;
}

export async function createSender(target: ChannelTarget): Promise<Sender> {
  if (target.kind === 'smtp') return smtpSender(target);
  return {
    send: (message) => {
      const { url, headers, body } = requestOf(target, message);
      return post(url, headers, body, target.ca);
    },
    close: () => {},
  };
}

type HttpTarget = Exclude<ChannelTarget, { kind: 'smtp' }>;
interface HttpRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

function requestOf(target: HttpTarget, message: Message): HttpRequest {
  switch (target.kind) {
    case 'slack':
      return json(target.url, {
        text: `*${slackText(message.subject)}*\n\`\`\`${slackText(chatText(message))}\`\`\``,
      });
    case 'teams':
      return json(target.url, teamsCard(message));
    case 'pagerduty':
      return json(target.url, pagerDutyEvent(target.key, message));
    case 'opsgenie':
      return opsgenieRequest(target.url, target.key, message);
    case 'webhook':
      return signedRequest(target, webhookBody(message));
  }
}

const json = (url: string, value: unknown, headers: Readonly<Record<string, string>> = {}): HttpRequest => ({
  url,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(value),
});

const chatText = ({ text }: Message): string =>
  text.length > MAX_CHAT_CHARACTERS ? `${text.slice(0, MAX_CHAT_CHARACTERS)}\n…` : text;

/** What came from clients must neither mention people nor close the block. */
const slackText = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('`', "'");

/** An Adaptive Card, as Teams' workflows take them. */
const teamsCard = (message: Message): unknown => ({
  type: 'message',
  attachments: [
    {
      contentType: 'application/vnd.microsoft.card.adaptive',
      content: {
        $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
        type: 'AdaptiveCard',
        version: '1.4',
        body: [
          {
            type: 'TextBlock',
            text: plainText(message.subject),
            weight: 'Bolder',
            size: 'Medium',
            wrap: true,
          },
          ...chatText(message)
            .split('\n')
            .filter((line) => line !== '')
            .map((line) => ({ type: 'TextBlock', text: plainText(line), wrap: true, spacing: 'None' })),
        ],
      },
    },
  ],
});

/** Teams reads Markdown: links and emphasis of clients stay text. */
const plainText = (text: string): string => text.replace(/[[\]()*_~`\\<>#]/g, (c) => `\\${c}`);

const severities: Readonly<Record<Priority, string>> = {
  low: 'info',
  medium: 'warning',
  high: 'error',
  critical: 'critical',
};

/** Events API v2: one alert an incident, resolved when that is closed. */
function pagerDutyEvent(key: string, message: Message): unknown {
  const [incident] = message.incidents;
  const isOne = message.incidents.length === 1 && incident !== undefined;
  return {
    routing_key: key,
    event_action: message.isEnd ? 'resolve' : 'trigger',
    dedup_key: isOne ? incident.id : message.key,
    payload: {
      summary: message.subject.slice(0, 1024),
      source: 'gatewright',
      severity: severities[message.priority],
      custom_details: { text: message.text.slice(0, 20_000), score: incident?.score ?? 0 },
    },
  };
}

const opsgeniePriorities: Readonly<Record<Priority, string>> = {
  low: 'P4',
  medium: 'P3',
  high: 'P2',
  critical: 'P1',
};

function opsgenieRequest(url: string, key: string, message: Message): HttpRequest {
  const [incident] = message.incidents;
  const alias = message.incidents.length === 1 && incident !== undefined ? incident.id : message.key;
  const headers = { authorization: `GenieKey ${key}` };
  const base = url.replace(/\/$/, '');
  if (message.isEnd)
    return json(
      `${base}/v2/alerts/${encodeURIComponent(alias)}/close?identifierType=alias`,
      { source: 'gatewright' },
      headers,
    );
  return json(
    `${base}/v2/alerts`,
    {
      message: message.subject.slice(0, 130),
      alias,
      description: message.text.slice(0, 15_000),
      priority: opsgeniePriorities[message.priority],
      source: 'gatewright',
      tags: [...(incident?.attack ?? []), ...(incident?.owasp ?? [])].slice(0, 20),
    },
    headers,
  );
}

const webhookBody = (message: Message): string =>
  JSON.stringify({
    key: message.key,
    priority: message.priority,
    closed: message.isEnd,
    incidents: message.incidents,
    text: message.text,
  });

/** A POST whose method, target, type and body are signed (RFC 9421, RFC 9530), with hmac-sha256. */
export function signedRequest(
  { url, keyId, key }: { readonly url: string; readonly keyId: string; readonly key: string },
  body: string,
  nowMs = Date.now(),
  nonce: string = randomUUID(),
): HttpRequest {
  const { host, pathname, search } = new URL(url);
  const digest = `sha-256=:${createHash('sha256').update(body).digest('base64')}:`;
  const parameters = `("@method" "@authority" "@path" "@query" "content-type" "content-digest");created=${Math.floor(nowMs / 1000)};nonce="${nonce}";keyid="${keyId}";alg="hmac-sha256"`;
  const base = [
    '"@method": POST',
    `"@authority": ${host.toLowerCase()}`,
    `"@path": ${pathname}`,
    `"@query": ${search === '' ? '?' : search}`,
    '"content-type": application/json',
    `"content-digest": ${digest}`,
    `"@signature-params": ${parameters}`,
  ].join('\n');
  return {
    url,
    headers: {
      'content-type': 'application/json',
      'content-digest': digest,
      'signature-input': `gate=${parameters}`,
      signature: `gate=:${createHmac('sha256', key).update(base).digest('base64')}:`,
    },
    body,
  };
}

/** Rejects with DeliveryError unless the receiver takes it. */
export async function post(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  ca: string,
): Promise<void> {
  let status: number;
  try {
    ({ status } = await guardedFetch({
      url,
      method: 'POST',
      headers,
      body,
      ca,
      reach: 'anywhere',
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_ANSWER_BYTES,
    }));
  } catch (error) {
    throw new DeliveryError(
      error instanceof FetchError ? error.message : 'the receiver does not answer',
      false,
    );
  }
  if (status >= 200 && status < 300) return;
  const mayHelp = status === 408 || status === 425 || status === 429 || status >= 500;
  throw new DeliveryError(`the receiver answers ${status}`, !mayHelp);
}

async function smtpSender(target: Extract<ChannelTarget, { kind: 'smtp' }>): Promise<Sender> {
  const { createTransport } = await import('nodemailer');
  const transport = createTransport({
    host: target.host,
    port: target.port,
    secure: target.tls === 'implicit',
    requireTLS: target.tls === 'starttls',
    ignoreTLS: target.tls === 'none',
    ...(target.user === '' ? {} : { auth: { user: target.user, pass: target.password } }),
    ...(target.ca === '' ? {} : { tls: { ca: target.ca } }),
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return {
    async send(message) {
      const id = createHash('sha256').update(message.key).digest('hex').slice(0, 32);
      try {
        await transport.sendMail({
          from: target.from,
          to: [...target.to],
          subject: message.subject,
          text: message.text,
          // The same news has the same id: a mailbox shows it once.
          messageId: `<${id}@gatewright>`,
          headers: {
            'Auto-Submitted': 'auto-generated',
            'X-Priority': message.priority === 'critical' ? '1' : '3',
          },
        });
      } catch (error) {
        const code = (error as { responseCode?: number }).responseCode ?? 0;
        throw new DeliveryError(
          code === 0 ? 'the mail server does not answer, or not with TLS' : `the mail server answers ${code}`,
          code >= 500 && code !== 554 && code !== 552,
        );
      }
    },
    close: () => transport.close(),
  };
}
