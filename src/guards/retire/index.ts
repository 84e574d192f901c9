export { compileRetire } from './retire.ts';
