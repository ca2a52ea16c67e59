import { QuernError } from '../errors.js';
import type { TextSource } from './documents.js';
import { readText, sourceName } from './documents.js';
import type { Tokenizer } from './tokenizer.js';
import { TokenWindows } from './windows.js';

/** A text as a sequence of windows of token ids. */
export type DatasetDescription = TextSource & {
  /** Token ids in a window. */
  readonly length: number;
  /** Token ids from the start of one window to the start of the next; `length` (no overlap) if not given. */
  readonly stride?: number;
  /** How many windows to take from the start of the text; all that fit if not given. */
  readonly windows?: number;
};

/** A tokenizer that takes a text as a whole needs about 70 times as much memory while it works. */
const maximumTextBytes = 16 * 1024 * 1024;
const maximumLongTextBytes = 256 * 1024 * 1024;

function plural(count: number, noun: string): string {
  return `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`;
}

/**
 * Reads a text and cuts its token ids into windows, as perplexities of language models are published: one string, one
 * tokenization with the tokens that the tokenizer puts round a text, no padding, the rest that fills no window dropped. A
 * text that is empty or too short for what is asked is a QuernError.
 */
export async function readDataset(description: DatasetDescription, tokenizer: Tokenizer): Promise<TokenWindows> {
  const { length, stride = length, windows: wanted } = description;
  const name = sourceName(description);
  const text = await readText(description, tokenizer.takesLongTexts ? maximumLongTextBytes : maximumTextBytes);
  if (text === '') throw new QuernError('input', `${name} is empty`, { suggestion: 'give a text to make windows of' });
  const enough = wanted === undefined ? {} : { enough: (wanted - 1) * stride + length };
  const ids = tokenizer.encode(text, { special: true, ...enough });
  const windows = new TokenWindows(ids, length, stride);
  if (windows.count === 0) {
    throw new QuernError('input', `${name} has ${plural(ids.length, 'token')}, fewer than one window of ${length}`, {
      suggestion: 'take a longer text or a smaller length',
    });
  }
  if (wanted === undefined) return windows;
  if (wanted > windows.count) {
    const found = `asked for ${plural(wanted, 'window')} of ${length} tokens, the text has ${windows.count}`;
    throw new QuernError('input', `${name}: ${found}`, {
      suggestion: `take a longer text or windows: ${windows.count}`,
    });
  }
  return windows.first(wanted);
}
