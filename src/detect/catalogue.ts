// What each detector is for: impact, tags, and the words of its title. Impact is how bad it is when it is true, 1 to 5.
import type { DetectorId } from './contract.ts';

export interface DetectorFacts {
  readonly title: string;
  readonly impact: number;
  /** Share of the budget of false alarms. */
  readonly share: number;
  /** MITRE ATT&CK (Enterprise 17) techniques. */
  readonly attack: readonly string[];
  /** OWASP API Security Top 10 (2023). */
  readonly owasp: readonly string[];
}

export const catalogue: Readonly<Record<DetectorId, DetectorFacts>> = {
  'traffic-surge': {
    title: 'Traffic surge',
    impact: 3,
    share: 1,
    attack: ['T1498', 'T1499'],
    owasp: ['API4:2023'],
  },
  'brute-force': { title: 'Brute force', impact: 3, share: 1, attack: ['T1110.001'], owasp: ['API2:2023'] },
  'credential-stuffing': {
    title: 'Credential stuffing',
    impact: 4,
    share: 1,
    attack: ['T1110.004', 'T1110.003'],
    owasp: ['API2:2023'],
  },
  'token-theft': {
    title: 'Credential used by somebody else',
    impact: 5,
    share: 1,
    attack: ['T1528', 'T1550.001'],
    owasp: ['API2:2023'],
  },
  'object-enumeration': {
    title: 'Objects of others enumerated',
    impact: 5,
    share: 1,
    attack: ['T1213', 'T1119'],
    owasp: ['API1:2023'],
  },
  scraping: {
    title: 'Unexpected data volume',
    impact: 4,
    share: 1,
    attack: ['T1119', 'T1567'],
    owasp: ['API6:2023', 'API4:2023'],
  },
  'function-probing': {
    title: 'Functions probed',
    impact: 4,
    share: 1,
    attack: ['T1087', 'T1595.003'],
    owasp: ['API5:2023'],
  },
  scanner: {
    title: 'Scanner',
    impact: 2,
    share: 1,
    attack: ['T1595.002', 'T1595.003'],
    owasp: ['API8:2023', 'API9:2023'],
  },
  'error-shift': {
    title: 'More errors than usual',
    impact: 3,
    share: 1,
    attack: ['T1499.004'],
    owasp: ['API8:2023'],
  },
  'latency-shift': {
    title: 'Slower than usual',
    impact: 2,
    share: 1,
    attack: ['T1499.003'],
    owasp: ['API4:2023'],
  },
  'unusual-region': {
    title: 'Caller in an unusual region',
    impact: 3,
    share: 1,
    attack: ['T1078.004'],
    owasp: ['API2:2023'],
  },
  'unusual-schedule': {
    title: 'Caller at unusual hours',
    impact: 3,
    share: 1,
    attack: ['T1078'],
    owasp: ['API2:2023'],
  },
  'new-privilege': {
    title: 'Privilege used for the first time',
    impact: 4,
    share: 1,
    attack: ['T1078', 'T1098'],
    owasp: ['API5:2023'],
  },
  'waf-evasion': {
    title: 'Attempts to evade inspection',
    impact: 4,
    share: 1,
    attack: ['T1190', 'T1027'],
    owasp: ['API8:2023'],
  },
  'dead-key': {
    title: 'Dead credential returned',
    impact: 4,
    share: 1,
    attack: ['T1078', 'T1552'],
    owasp: ['API2:2023', 'API9:2023'],
  },
  'upstream-leak': {
    title: 'Service gives away too much',
    impact: 5,
    share: 1,
    attack: ['T1530'],
    owasp: ['API3:2023'],
  },
  'new-operation': {
    title: 'Operation used for the first time',
    impact: 2,
    share: 1,
    attack: ['T1595'],
    owasp: ['API9:2023'],
  },
};

/** Share of the whole budget that a detector has, in (0, 1]. */
export function shareOf(detector: DetectorId): number {
  let sum = 0;
  for (const { share } of Object.values(catalogue)) sum += share;
  return catalogue[detector].share / sum;
}
