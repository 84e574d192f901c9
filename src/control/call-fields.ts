// How the gate tells a service about a call: two request fields that clients can not send, because their copies are removed
// before these are written, and whose secret no other process knows.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { ServiceCall } from './contract.ts';

export const secretField = 'gatewright-gate';
export const callField = 'gatewright-call';

export const encodeCall = (call: ServiceCall): string =>
  Buffer.from(JSON.stringify(call)).toString('base64url');

/** The call, or null where the secret is not ours. */
export function decodeCall(
  fields: Readonly<Record<string, string | string[] | undefined>>,
  secret: string,
): ServiceCall | null {
  const given = fields[secretField];
  const call = fields[callField];
  if (typeof given !== 'string' || typeof call !== 'string') return null;
  if (!timingSafeEqual(digest(given), digest(secret))) return null;
  return JSON.parse(Buffer.from(call, 'base64url').toString()) as ServiceCall;
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
