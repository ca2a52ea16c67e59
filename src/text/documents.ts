import { QuernError } from '../errors.js';
import { readUtf8File } from '../files/input-file.js';
import { quote } from '../files/quote.js';
import { isJsonObject } from '../json.js';
import { readParquetTexts } from './parquet-texts.js';

/** Where a text comes from: a file as it is, or documents that are joined by a separator. */
export type TextSource =
  | { readonly text: string }
  | { readonly jsonl: string; readonly field: string; readonly join: string }
  | { readonly parquet: readonly string[]; readonly column: string; readonly join: string };

/** How a source is called in messages. */
export function sourceName(source: TextSource): string {
  if ('text' in source) return source.text;
  if ('jsonl' in source) return source.jsonl;
  const [first = 'the data set', ...more] = source.parquet;
  return more.length === 0 ? first : `${first} and ${more.length} more`;
}

/** The whole text of a source. More than `maximumBytes` (of the file, or of all documents) is refused. */
export async function readText(source: TextSource, maximumBytes: number): Promise<string> {
  if ('text' in source) return readUtf8File(source.text, maximumBytes);
  const documents = new Documents(sourceName(source), maximumBytes);
  if ('jsonl' in source) {
    for (const text of jsonLineTexts(source.jsonl, source.field, maximumBytes)) documents.add(text);
  } else {
    for (const path of source.parquet) {
      for await (const text of readParquetTexts(path, source.column)) documents.add(text);
    }
  }
  return documents.join(source.join);
}

class Documents {
  readonly #name: string;
  readonly #maximumBytes: number;
  readonly #texts: string[] = [];
  #sizeBytes = 0;

  constructor(name: string, maximumBytes: number) {
    this.#name = name;
    this.#maximumBytes = maximumBytes;
  }

  add(text: string): void {
    this.#sizeBytes += Buffer.byteLength(text);
    if (this.#sizeBytes > this.#maximumBytes) {
      const limit = this.#maximumBytes.toLocaleString('en-US');
      throw new QuernError('input', `${this.#name} has more than the ${limit} bytes of text that can be read as one`, {
        suggestion: 'take a smaller split or a part of it',
      });
    }
    this.#texts.push(text);
  }

  join(separator: string): string {
    return this.#texts.join(separator);
  }
}

function* jsonLineTexts(path: string, field: string, maximumBytes: number): Generator<string, void, undefined> {
  // Twice as much: the other fields count as well.
  const lines = readUtf8File(path, maximumBytes * 2).split('\n');
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue;
    const where = `${path}:${index + 1}`;
    const record = parseLine(line, where);
    const text = isJsonObject(record) ? record[field] : undefined;
    if (typeof text === 'string') yield text;
    else throw new QuernError('input', `${where} has no text in the field ${quote(field)}`, fieldsOf(record));
  }
}

function parseLine(line: string, where: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new QuernError('input', `${where} is not valid JSON`, {
      cause: error,
      suggestion: 'each line is one object',
    });
  }
}

function fieldsOf(record: unknown): { readonly suggestion?: string } {
  const fields = isJsonObject(record) ? Object.keys(record).filter((name) => typeof record[name] === 'string') : [];
  return fields.length === 0
    ? {}
    : { suggestion: `its fields with text are ${fields.slice(0, 8).map(quote).join(', ')}` };
}
