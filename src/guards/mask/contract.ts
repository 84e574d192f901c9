// What the masking of one operation's answers is made of, as plain data.
import type { ClassRule, MaskAction } from '../../masking/index.ts';

export interface MaskConfig {
  readonly rules: readonly MaskFieldRule[];
  /** Largest answer that is masked, bytes; larger ones are refused. */
  readonly limitBytes: number;
}

/** Either places of JSON answers, or classes of data wherever they stand. */
export type MaskFieldRule = Exempt &
  (
    | {
        readonly kind: 'fields';
        readonly paths: readonly (readonly string[])[];
        readonly action: MaskAction;
      }
    | {
        readonly kind: 'classes';
        readonly classes: readonly ClassRule['class'][];
        readonly action: ClassRule['action'];
      }
  );

interface Exempt {
  /** Callers with one of these roles, or with one of these scopes, see it as it is. */
  readonly unlessRoles: readonly string[];
  readonly unlessScopes: readonly string[];
}
