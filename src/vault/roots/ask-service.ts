// One question to a key service: JSON there and back, bounded, and errors that hold nothing of what was sent.
import { guardedFetch } from '../../net/index.ts';
import { VaultError } from '../contract.ts';

const TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 65_536;

export interface ServiceQuestion {
  readonly service: string;
  readonly url: string;
  readonly method?: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The answer's JSON object. Rejects with VaultError unless the status is 200. */
export async function askService(question: ServiceQuestion): Promise<Readonly<Record<string, unknown>>> {
  const { service, url, headers, body, method = 'POST' } = question;
  let status: number;
  let text: string;
  try {
    ({ status, body: text } = await guardedFetch({
      url,
      method,
      headers,
      ...(method === 'GET' ? {} : { body }),
      reach: 'anywhere',
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_ANSWER_BYTES,
    }));
  } catch (error) {
    throw new VaultError('upstream', `${service}: ${(error as Error).message}`);
  }
  if (status !== 200) throw new VaultError('upstream', `${service} answers ${status}${reasonOf(text)}`);
  try {
    const found: unknown = JSON.parse(text);
    if (typeof found === 'object' && found !== null) return found as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new VaultError('upstream', `${service} answers with something that is no JSON object`);
}

/** The name of the error alone: messages may repeat what was sent. */
function reasonOf(text: string): string {
  const match = /"(?:__type|code|status|error)"\s*:\s*"([A-Za-z0-9_.#-]{1,100})"/.exec(text);
  return match === null ? '' : ` (${match[1]})`;
}

/** A member that must be a text. */
export function textMember(answer: Readonly<Record<string, unknown>>, name: string, service: string): string {
  const value = answer[name];
  if (typeof value !== 'string') throw new VaultError('upstream', `${service} answers without "${name}"`);
  return value;
}
