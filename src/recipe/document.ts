import { isAlias, isCollection, isMap, isNode, isScalar, isSeq, LineCounter, type Node, type Pair } from 'yaml';
import type { Diagnostic, Location } from '../errors.js';
import { isJsonObject, type JsonObject } from '../json.js';
import { parseYaml } from './syntax.js';
import { keyText, readValues } from './values.js';

/** Path of a value in nested mappings and lists. Indexes of lists are decimal numbers as text. */
export type Pointer = readonly string[];

/** Whether the pointer leads to the value of the prefix or to something inside it. */
export function isPrefix(prefix: Pointer, pointer: Pointer): boolean {
  return prefix.every((part, index) => part === pointer[index]);
}

/** The values of a recipe file, and where in the text they stand. */
export interface RecipeDocument {
  readonly file: string;
  readonly root: JsonObject;
  /** Place of the key a value stands under; of the value itself where it has no key. */
  locateKey(pointer: Pointer): Location;
  /** Place of a value, or of the deepest part of the pointer that is in the text. A nested block is marked by its key. */
  locateValue(pointer: Pointer): Location;
}

/** `document` is missing when the text can't be read as a mapping. Diagnostics may come with a document. */
export interface ParsedDocument {
  readonly document?: RecipeDocument;
  readonly diagnostics: readonly Diagnostic[];
}

/** Reads a YAML text that has to be a mapping. `file` is the name used in locations. */
export function parseDocument(text: string, file: string): ParsedDocument {
  const lines = new LineCounter();
  const locate = (startOffset: number, endOffset: number): Location => {
    const { line, col } = lines.linePos(Math.min(startOffset, text.length));
    const marked = text.slice(startOffset, endOffset).split(/\r?\n/, 1)[0] ?? '';
    return { file, line, column: col, length: Math.max(1, marked.trimEnd().length) };
  };
  const fail = (location: Location, message: string, suggestion?: string): ParsedDocument => ({
    diagnostics: [errorAt(location, message, suggestion)],
  });

  const parsed = parseYaml(text, lines);
  if (!parsed.ok) {
    const { startOffset, endOffset, message, suggestion } = parsed.problem;
    return fail(locate(startOffset, endOffset), message, suggestion);
  }
  const contents = parsed.document?.contents ?? null;
  if (contents === null || (isScalar(contents) && contents.value === null)) {
    return fail(locate(0, 0), 'the recipe is empty', '`quern init` writes one to start from');
  }
  const locateNode = (node: Node): Location => locate(node.range?.[0] ?? 0, node.range?.[1] ?? 0);
  const { value, targets, problems, duplicates } = readValues(contents);
  if (problems.length > 0)
    return { diagnostics: problems.map(({ node, message }) => errorAt(locateNode(node), message)) };
  if (!isJsonObject(value)) {
    const found = Array.isArray(value) ? 'a list' : 'a single value';
    return fail(locateNode(contents), `a recipe is a mapping with the keys \`quern\` and \`stages\`, not ${found}`);
  }
  const places = new Places(contents, (node) => (isAlias(node) ? targets.get(node) : undefined));
  const document: RecipeDocument = {
    file,
    root: value,
    locateKey(pointer) {
      const { key, node } = places.find(pointer);
      return locateNode(key ?? node);
    },
    locateValue(pointer) {
      const { key, node } = places.find(pointer);
      return locateNode(key !== undefined && !standsInLine(node) ? key : node);
    },
  };
  const repeated = duplicates.map(({ name, node, first }) =>
    errorAt(locateNode(node), `\`${name}\` is given twice`, `the first one is in line ${locateNode(first).line}`),
  );
  return { document, diagnostics: repeated };
}

/** An error at a place. */
export function errorAt(location: Location, message: string, suggestion?: string): Diagnostic {
  const diagnostic = { severity: 'error', message, location } as const;
  return suggestion === undefined ? diagnostic : { ...diagnostic, suggestion };
}

/** Whether marking the node marks something a reader recognises: not a nested block, and not an absent value. */
function standsInLine(node: Node): boolean {
  if (isCollection(node)) return node.flow === true;
  return node.range !== undefined && node.range !== null && node.range[1] > node.range[0];
}

interface Place {
  readonly node: Node;
  readonly key?: Node;
}

/** Finds nodes by pointer, through aliases. */
class Places {
  readonly #pairs = new WeakMap<Node, ReadonlyMap<string, Pair>>();

  constructor(
    readonly root: Node,
    readonly targetOf: (node: Node) => Node | undefined,
  ) {}

  /** The node of the pointer, or the deepest one on the way to it. */
  find(pointer: Pointer): Place {
    let place: Place = { node: this.root };
    for (const part of pointer) {
      const next = this.#step(this.targetOf(place.node) ?? place.node, part);
      if (next === undefined) return place;
      place = next;
    }
    return place;
  }

  #step(parent: Node, part: string): Place | undefined {
    if (isSeq<Node>(parent)) {
      const node = parent.items[Number(part)];
      return node === undefined ? undefined : { node };
    }
    const pair = this.#pairsOf(parent).get(part);
    if (pair === undefined || !isScalar(pair.key)) return undefined;
    return { key: pair.key, node: isNode(pair.value) ? pair.value : pair.key };
  }

  #pairsOf(node: Node): ReadonlyMap<string, Pair> {
    const known = this.#pairs.get(node);
    if (known !== undefined) return known;
    const pairs = new Map<string, Pair>();
    for (const pair of isMap(node) ? node.items : []) {
      const key = keyText(pair.key);
      if (!pairs.has(key)) pairs.set(key, pair);
    }
    this.#pairs.set(node, pairs);
    return pairs;
  }
}
