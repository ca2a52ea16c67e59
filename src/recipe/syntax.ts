import type { CST } from 'yaml';
import { Composer, type Document, Lexer, type LineCounter, type ParsedNode, Parser, type YAMLError } from 'yaml';

/** A syntax error of a YAML text. Offsets count UTF-16 code units. */
export interface SyntaxProblem {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly message: string;
  readonly suggestion?: string;
}

export type Parsed =
  | { readonly ok: true; readonly document: Document.Parsed<ParsedNode> | undefined }
  | { readonly ok: false; readonly problem: SyntaxProblem };

/** The parser's stack holds the stream and the document beside the collections. Real recipes need fewer than ten. */
const maximumDepth = 100;

class TooDeep extends Error {
  constructor(readonly offset: number) {
    super('nested too deeply');
  }
}

/**
 * Parses a text of one YAML 1.2 document; an empty text has none. Only the first syntax error is reported: what follows
 * it is mostly a consequence. Aliases are not resolved and duplicate keys not looked for.
 */
export function parseYaml(text: string, lines: LineCounter): Parsed {
  const composer = new Composer({
    prettyErrors: false,
    stringKeys: true,
    uniqueKeys: false,
    resolveKnownTags: false,
    schema: 'core',
    version: '1.2',
  });
  try {
    const [document, second] = [...composer.compose(boundedTokens(text, lines), false, text.length)];
    if (document === undefined) return { ok: true, document: undefined };
    const firstError = [...document.errors, ...document.warnings].sort((a, b) => a.pos[0] - b.pos[0])[0];
    if (firstError !== undefined) return { ok: false, problem: describe(firstError, text) };
    if (document.directives.yaml.version !== '1.2') {
      return fail(0, 'only YAML 1.2 is supported', 'remove the %YAML line');
    }
    if (second !== undefined) return fail(second.range[0], 'a second YAML document starts here', 'a file holds one');
    return { ok: true, document };
  } catch (error) {
    if (error instanceof TooDeep) return fail(error.offset, `nested more than ${maximumDepth} levels deep`);
    throw error;
  }
}

/** Stops at deep nesting: composing is recursive, and would run out of stack. */
function* boundedTokens(text: string, lines: LineCounter): Generator<CST.Token> {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  for (const lexeme of new Lexer().lex(text)) {
    yield* parser.next(lexeme);
    if (parser.stack.length > maximumDepth) throw new TooDeep(parser.offset);
  }
  yield* parser.end();
}

function fail(offset: number, message: string, suggestion?: string): Parsed {
  const problem = { startOffset: offset, endOffset: offset + 1, message };
  return { ok: false, problem: suggestion === undefined ? problem : { ...problem, suggestion } };
}

function describe(error: YAMLError, text: string): SyntaxProblem {
  const [position, endOffset] = error.pos;
  // What is missing at the end of the text is shown behind the last thing that is there.
  const startOffset = Math.min(position, Math.max(0, text.trimEnd().length - 1));
  const range = { startOffset, endOffset };
  const variable = /^\$\{[^}\n]*\}/.exec(text.slice(startOffset - 1, startOffset + 100))?.[0];
  if (variable !== undefined) {
    const length = variable.length;
    return {
      startOffset: startOffset - 1,
      endOffset: startOffset - 1 + length,
      message: `\`${variable}\` has to be quoted inside { } and [ ]`,
      suggestion: `write "${variable}"`,
    };
  }
  switch (error.code) {
    case 'TAB_AS_INDENT':
      return { ...range, message: 'YAML does not allow tabs as indentation', suggestion: 'indent with spaces' };
    case 'TAG_RESOLVE_FAILED':
      return { ...range, message: `the tag ${text.slice(startOffset, endOffset)} has no meaning here` };
    case 'NON_STRING_KEY':
      return { ...range, message: 'a key has to be a plain name' };
    case 'BLOCK_AS_IMPLICIT_KEY':
      return { ...range, message: "a mapping can't start here", suggestion: 'quote a text that contains ": "' };
    case 'BAD_SCALAR_START':
      return { ...range, message: lowerFirst(error.message), suggestion: 'quote the text' };
    default:
      return { ...range, message: plainMessage(error.message) };
  }
}

/** Says in the words of a reader what the parser says in the words of the YAML specification. */
function plainMessage(message: string): string {
  if (/^Flow sequence .*end with a ]$/.test(message)) return 'a list in [ ] is not closed';
  if (/^Flow map .*end with a }$/.test(message)) return 'a mapping in { } is not closed';
  const quote = /^Missing closing (["'])quote$/.exec(message)?.[1];
  return quote === undefined ? lowerFirst(message) : `a text in ${quote} ${quote} is not closed`;
}

function lowerFirst(message: string): string {
  return message.slice(0, 1).toLowerCase() + message.slice(1);
}
