// Kinds of data that harm somebody when they get out, and where they were found in a text.

export const dataClasses = ['card', 'iban', 'national-id', 'email', 'phone', 'credential'] as const;

/**
 * `card`: numbers of payment cards. `iban`: bank accounts (ISO 13616). `national-id`: numbers that states give people.
 * `credential`: keys, tokens and passwords of services and their programs, JWTs and private keys.
 */
export type DataClass = (typeof dataClasses)[number];

export interface Finding {
  readonly class: DataClass;
  /** What it is, in more detail: `visa`, `us-ssn`, `aws-access-key`, … */
  readonly kind: string;
  /** Where it stands, in UTF-16 code units. */
  readonly start: number;
  readonly end: number;
}

/** What adds findings of one kind. `taken` tells of a span that another finding has. */
export type Report = (kind: string, start: number, end: number) => void;
