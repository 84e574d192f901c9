// Policy text to tokens. Errors carry the offset and a way out where one is known; the parser turns them into
// diagnostics with line and column.

export type TokenKind = 'identifier' | 'number' | 'string' | 'slot' | 'punctuation' | 'end';

export interface Token {
  readonly kind: TokenKind;
  /** As written; strings with their quotes. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

export class SyntaxProblem extends Error {
  override readonly name = 'SyntaxProblem';
  readonly offset: number;
  readonly suggestion: string;

  constructor(offset: number, message: string, suggestion = '') {
    super(message);
    this.offset = offset;
    this.suggestion = suggestion;
  }
}

const word = /[_a-zA-Z][_a-zA-Z0-9]*/y;
const digits = /[0-9]+/y;
const string = /"(?:\\.|[^"\\])*"/sy;
const slot = /\?[_a-zA-Z][_a-zA-Z0-9]*/y;
const space = /\s+/y;
const comment = /\/\/[^\n\r]*/y;
const punctuation = /::|==|!=|<=|>=|\|\||&&|[@.,;:(){}[\]<>+\-*/%!=]/y;

type Rule = readonly [kind: TokenKind | 'blank', pattern: RegExp];

/** What a token that begins with the ASCII character can be. */
const rules: readonly Rule[] = Array.from({ length: 128 }, (_, code): Rule => {
  const character = String.fromCharCode(code);
  if (/[_a-zA-Z]/.test(character)) return ['identifier', word];
  if (/[0-9]/.test(character)) return ['number', digits];
  if (/\s/.test(character)) return ['blank', space];
  if (character === '"') return ['string', string];
  return character === '?' ? ['slot', slot] : ['punctuation', punctuation];
});
const otherSpace: Rule = ['blank', space];
const commentRule: Rule = ['blank', comment];

/** All tokens of the text, the last one of kind `end`. Throws SyntaxProblem. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const isComment = text.startsWith('//', at);
    const [kind, pattern] = isComment ? commentRule : (rules[text.charCodeAt(at)] ?? otherSpace);
    pattern.lastIndex = at;
    if (!pattern.test(text)) throw unknownText(text, at);
    const end = pattern.lastIndex;
    if (kind !== 'blank') tokens.push({ kind, text: text.slice(at, end), start: at, end });
    at = end;
  }
  tokens.push({ kind: 'end', text: '', start: text.length, end: text.length });
  return tokens;
}

function unknownText(text: string, at: number): SyntaxProblem {
  const character = String.fromCodePoint(text.codePointAt(at)!);
  if (character === '"') return new SyntaxProblem(at, 'A string is not closed.', 'Strings end with ".');
  if (character === "'") return new SyntaxProblem(at, "A string begins with '.", 'Strings stand in ".');
  if (character === '&' || character === '|')
    return new SyntaxProblem(at, `"${character}" is no operator.`, `Write "${character}${character}".`);
  return new SyntaxProblem(at, `The character ${JSON.stringify(character)} does not belong here.`);
}
