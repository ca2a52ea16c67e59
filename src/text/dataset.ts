import { QuernError } from '../errors.js';
import { readUtf8File } from '../files/input-file.js';
import type { Tokenizer } from './tokenizer.js';
import { TokenWindows } from './windows.js';

/** A text as a sequence of windows of token ids. */
export interface DatasetDescription {
  /** Path of a UTF-8 text file. */
  readonly text: string;
  /** Token ids in a window. */
  readonly length: number;
  /** Token ids from the start of one window to the start of the next; `length` (no overlap) if not given. */
  readonly stride?: number;
  /** How many windows to take from the start of the text; all that fit if not given. */
  readonly windows?: number;
}

/** The tokenizer takes about 70 times as much memory while it works. */
const maximumTextBytes = 16 * 1024 * 1024;

function plural(count: number, noun: string): string {
  return `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`;
}

/**
 * The token ids of a whole file, read as one string and tokenized once, with the tokens the tokenizer puts round a
 * text.
 */
function tokenizeFile(path: string, tokenizer: Tokenizer): Int32Array {
  const text = readUtf8File(path, maximumTextBytes);
  if (text === '') throw new QuernError('input', `${path} is empty`, { suggestion: 'give a text to make windows of' });
  return tokenizer.encode(text, { special: true });
}

/**
 * Reads a text and cuts its token ids into windows, as perplexities of language models are published: one string, one
 * tokenization, no padding, the rest that fills no window dropped. A text that is empty or too short for what is asked
 * is a QuernError.
 */
export function readDataset(description: DatasetDescription, tokenizer: Tokenizer): TokenWindows {
  const { text: path, length, stride = length, windows: wanted } = description;
  const ids = tokenizeFile(path, tokenizer);
  const windows = new TokenWindows(ids, length, stride);
  if (windows.count === 0) {
    throw new QuernError('input', `${path} has ${plural(ids.length, 'token')}, fewer than one window of ${length}`, {
      suggestion: 'take a longer text or a smaller length',
    });
  }
  if (wanted === undefined) return windows;
  if (wanted > windows.count) {
    const found = `asked for ${plural(wanted, 'window')} of ${length} tokens, the text has ${windows.count}`;
    throw new QuernError('input', `${path}: ${found}`, {
      suggestion: `take a longer text or windows: ${windows.count}`,
    });
  }
  return windows.first(wanted);
}
