// What the masking of one operation's answers is made of, as plain data.
import type { MaskAction } from '../../masking/index.ts';

export interface MaskConfig {
  readonly rules: readonly MaskFieldRule[];
  /** Largest answer that is masked, bytes; larger ones are refused. */
  readonly limitBytes: number;
}

export interface MaskFieldRule {
  readonly path: readonly string[];
  readonly action: MaskAction;
  /** Callers with one of these roles, or with one of these scopes, see the field as it is. */
  readonly unlessRoles: readonly string[];
  readonly unlessScopes: readonly string[];
}
