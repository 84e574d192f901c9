export type { GuessBudgets, GuessConfig } from './contract.ts';
export { compileGateGuesses, compileLoginGuesses, type GuessContext } from './guess.ts';
