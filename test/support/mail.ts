// A real SMTP receiver on a port of its own, which keeps what it gets.
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { SMTPServer } from 'smtp-server';

export interface Mailbox {
  readonly port: number;
  /** Whole messages, oldest first. */
  readonly messages: readonly string[];
  /** The next so many deliveries are refused for now (451). */
  refuse(count: number): void;
  close(): Promise<void>;
}

export async function startMailbox(): Promise<Mailbox> {
  const messages: string[] = [];
  let refusals = 0;
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    onData(stream, _session, done) {
      text(stream).then((message) => {
        if (refusals > 0) {
          refusals--;
          done(Object.assign(new Error('busy'), { responseCode: 451 }));
          return;
        }
        messages.push(message);
        done();
      }, done);
    },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.server.address() as AddressInfo).port,
    messages,
    refuse: (count) => {
      refusals = count;
    },
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

/** Subject and text of a plain message in quoted-printable or 7bit. */
export function simpleParser(message: string): {
  readonly subject: string;
  readonly id: string;
  readonly text: string;
} {
  const [head = '', ...body] = message.split('\r\n\r\n');
  const unfolded = head.replace(/\r\n[ \t]+/g, ' ');
  const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'im').exec(unfolded)?.[1] ?? '';
  const raw = body.join('\r\n\r\n');
  const isQuoted = field('content-transfer-encoding') === 'quoted-printable';
  const decoded = isQuoted
    ? raw
        .replace(/=\r\n/g, '')
        .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    : raw;
  return { subject: field('subject'), id: field('message-id'), text: decoded };
}
