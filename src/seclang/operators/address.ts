// HOT
// `@ipMatch` and `@ipMatchFromFile`: addresses and networks of IPv4 and IPv6.
import type { CompiledOperator, OperatorEnvironment } from '../contract.ts';
import { type Match, operatorOf, refuse, withArgument } from './make.ts';

interface Network {
  /** 4 or 16 bytes. */
  readonly bytes: Uint8Array;
  readonly bits: number;
}

const decimal = /^(?:0|[1-9]\d{0,2})$/;

function parseIpv4(text: string): Uint8Array | null {
  const parts = text.split('.');
  if (parts.length !== 4) return null;
  const bytes = new Uint8Array(4);
  for (let i = 0; i < 4; i++) {
    const part = parts[i]!;
    if (!decimal.test(part) || Number(part) > 255) return null;
    bytes[i] = Number(part);
  }
  return bytes;
}

function parseIpv6(text: string): Uint8Array | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const head = groupsOf(halves[0]!);
  const tail = halves.length === 2 ? groupsOf(halves[1]!) : [];
  if (head === null || tail === null) return null;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 2 ? missing < 2 : missing !== 0) return null;
  const bytes = new Uint8Array(16);
  bytes.set(head);
  bytes.set(tail, 16 - tail.length);
  return bytes;
}

function groupsOf(text: string): readonly number[] | null {
  if (text === '') return [];
  const bytes: number[] = [];
  const groups = text.split(':');
  for (let i = 0; i < groups.length; i++) {
    const group = groups[i]!;
    if (group.includes('.') && i === groups.length - 1) {
      const last = parseIpv4(group);
      if (last === null) return null;
      bytes.push(...last);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return null;
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    }
  }
  return bytes.length > 16 ? null : bytes;
}

/** An address as 4 or 16 bytes; one of IPv4 inside IPv6 (::ffff:a.b.c.d) is one of IPv4. */
export function parseAddress(text: string): Uint8Array | null {
  if (!text.includes(':')) return parseIpv4(text);
  const bytes = parseIpv6(text);
  if (bytes === null) return null;
  const isMapped = bytes[10] === 0xff && bytes[11] === 0xff && bytes.subarray(0, 10).every((b) => b === 0);
  return isMapped ? bytes.slice(12) : bytes;
}

export function parseNetwork(text: string): Network | null {
  const slash = text.indexOf('/');
  const bytes = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (bytes === null) return null;
  if (slash < 0) return { bytes, bits: bytes.length * 8 };
  const length = text.slice(slash + 1);
  if (!decimal.test(length)) return null;
  // The prefix of a mapped network counts from the front of the longer address.
  const bits = Number(length) - (text.includes(':') && bytes.length === 4 ? 96 : 0);
  return bits >= 0 && bits <= bytes.length * 8 ? { bytes, bits } : null;
}

function isInside(address: Uint8Array, network: Network): boolean {
  if (address.length !== network.bytes.length) return false;
  const whole = network.bits >> 3;
  for (let i = 0; i < whole; i++) if (address[i] !== network.bytes[i]) return false;
  const rest = network.bits & 7;
  return rest === 0 || (address[whole]! ^ network.bytes[whole]!) >> (8 - rest) === 0;
}

const matchOf =
  (networks: readonly Network[]): Match =>
  (value) => {
    const address = parseAddress(value);
    if (address === null) return false;
    for (let i = 0; i < networks.length; i++) if (isInside(address, networks[i]!)) return true;
    return false;
  };

function parseNetworks(words: readonly string[]): { networks: Network[]; wrong: string | null } {
  const networks: Network[] = [];
  let wrong: string | null = null;
  for (const word of words) {
    if (word === '') continue;
    const network = parseNetwork(word);
    if (network === null) wrong ??= word;
    else networks.push(network);
  }
  return { networks, wrong };
}

const wordsOf = (text: string): string[] => text.split(',').map((word) => word.trim());

export function compileAddresses(name: string, argument: string): CompiledOperator {
  const make = (expanded: string): Match => matchOf(parseNetworks(wordsOf(expanded)).networks);
  const { networks, wrong } = parseNetworks(wordsOf(argument));
  if (argument.includes('%{')) return withArgument(name, argument, make);
  if (wrong !== null) return refuseAddress(name, wrong);
  if (networks.length === 0) return refuse(`@${name} has no address`, 'Name addresses, with commas between.');
  return operatorOf(name, make(argument));
}

const refuseAddress = (name: string, word: string): CompiledOperator =>
  refuse(
    `@${name} has ${JSON.stringify(word)}, which is no address and no network`,
    'Write addresses as 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32.',
  );

export function compileAddressFile(
  name: string,
  argument: string,
  env: OperatorEnvironment,
): CompiledOperator {
  const file = argument.trim();
  const text = env.readData(file);
  if (text === null)
    return refuse(
      `@${name} names ${file}, which can not be read`,
      'Put the file beside the rules, or mend its name. Addresses of the web are not fetched.',
    );
  const lines = text.split('\n').map((line) => line.replace(/#.*/, '').trim());
  const { networks, wrong } = parseNetworks(lines);
  return wrong !== null ? refuseAddress(name, wrong) : operatorOf(name, matchOf(networks));
}
