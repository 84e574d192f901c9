// What a receiver of notifications is told: one shape for all of them, made from the incident alone.
import type { Incident, Priority } from '../contract.ts';
import { incidentText } from '../incidents.ts';

export interface Message {
  /** The same for repeats of the same news, so that a receiver can tell; unique otherwise. */
  readonly key: string;
  readonly incidents: readonly Incident[];
  readonly subject: string;
  readonly text: string;
  readonly priority: Priority;
  /** The incidents are closed: receivers that follow a state can end theirs. */
  readonly isEnd: boolean;
}

const ranks: Readonly<Record<Priority, number>> = { low: 0, medium: 1, high: 2, critical: 3 };

export const isAtLeast = (priority: Priority, least: Priority): boolean => ranks[priority] >= ranks[least];

export function messageOf(incident: Incident): Message {
  const isEnd = incident.status === 'closed';
  return {
    key: `${incident.id}.${incident.priority}.${isEnd ? 'closed' : 'open'}`,
    incidents: [incident],
    subject: oneLine(`[${isEnd ? 'closed' : incident.priority}] ${incident.title}`),
    text: incidentText(incident),
    priority: incident.priority,
    isEnd,
  };
}

/** Several as one. */
export function digestOf(messages: readonly Message[]): Message {
  const [first] = messages;
  if (messages.length === 1) return first!;
  const incidents = messages.flatMap((message) => message.incidents);
  const priority = messages.reduce<Priority>(
    (most, message) => (isAtLeast(message.priority, most) ? message.priority : most),
    'low',
  );
  return {
    key: `digest.${messages.map(({ key }) => key).join('+')}`.slice(0, 200),
    incidents,
    subject: `[${priority}] ${incidents.length} incidents`,
    text: messages.map(({ text }) => text).join('\n\n----\n\n'),
    priority,
    isEnd: false,
  };
}

const oneLine = (text: string): string => text.replace(/[\x00-\x1f\x7f]+/g, ' ').slice(0, 200);
