export { parseHost } from './host.ts';
export { normalisePath } from './path.ts';
export { parseTarget, type TargetForm, TargetParts } from './target.ts';
