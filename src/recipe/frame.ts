import picocolors from 'picocolors';
import type { Diagnostic } from '../errors.js';

export interface FrameOptions {
  readonly color?: boolean;
  /** Columns that a source line may take; longer ones are cropped around the place that matters. */
  readonly width?: number;
}

const linesAbove = 2;
const linesBelow = 1;
const defaultWidth = 120;

/** All diagnostics of a recipe, each with its source lines (from the texts by file), and their number in a last line. */
export function renderDiagnostics(
  diagnostics: readonly Diagnostic[],
  texts: ReadonlyMap<string, string>,
  options: FrameOptions = {},
): string {
  const lines = new Map([...texts].map(([file, text]) => [file, splitLines(text)]));
  const frames = diagnostics.map((diagnostic) =>
    renderFrame(diagnostic, lines.get(diagnostic.location.file) ?? [], options),
  );
  return [...frames, countDiagnostics(diagnostics)].join('\n');
}

/** One diagnostic with its source lines, without a line break at the end. */
export function renderDiagnostic(diagnostic: Diagnostic, text: string, options: FrameOptions = {}): string {
  return renderFrame(diagnostic, splitLines(text), options);
}

/** "1 error.", "2 errors, 1 warning." */
export function countDiagnostics(diagnostics: readonly Diagnostic[]): string {
  const counts = (['error', 'warning'] as const).flatMap((severity) => {
    const count = diagnostics.filter((one) => one.severity === severity).length;
    return count === 0 ? [] : [`${count} ${severity}${count === 1 ? '' : 's'}`];
  });
  return counts.length === 0 ? 'No errors.' : `${counts.join(', ')}.`;
}

function renderFrame(diagnostic: Diagnostic, lines: readonly string[], options: FrameOptions): string {
  const colors = picocolors.createColors(options.color === true);
  const { file, line, column = 1, length = 1 } = diagnostic.location;
  const highlight = diagnostic.severity === 'error' ? colors.red : colors.yellow;
  const suggestion = diagnostic.suggestion === undefined ? '' : printable(diagnostic.suggestion);
  const place = line === undefined ? file : `${file}:${line}:${column}`;
  const title = `${colors.bold(printable(place))} ${highlight(diagnostic.severity)}: ${printable(diagnostic.message)}`;
  const marked = line === undefined ? undefined : lines[line - 1];
  if (line === undefined || marked === undefined) {
    return suggestion === '' ? title : `${title}\n  ${colors.cyan(suggestion)}`;
  }

  const crop = cropAround(marked, column - 1, options.width ?? defaultWidth);
  const first = Math.max(1, line - linesAbove);
  const last = Math.min(lines.length, line + linesBelow);
  const numberWidth = Math.max(2, String(last).length);
  const gutter = (marker: string, number: string): string => `${marker} ${number.padStart(numberWidth)} |`;
  const output = [title];
  for (let current = first; current <= last; current++) {
    const isMarked = current === line;
    const prefix = gutter(isMarked ? '>' : ' ', String(current));
    const source = printable(crop(lines[current - 1] ?? ''));
    const shownPrefix = isMarked ? highlight(prefix) : colors.dim(prefix);
    output.push(source.trim() === '' ? shownPrefix : `${shownPrefix} ${source.trimEnd()}`);
    if (!isMarked) continue;
    // What stands before the range keeps its width: tabs stay tabs, wide characters become two spaces.
    const before = crop(marked.slice(0, column - 1));
    const range = marked.slice(column - 1, column - 1 + length).length;
    const carets = '^'.repeat(Math.max(1, Math.min(range, crop(marked).length - before.length)));
    const words = suggestion === '' ? highlight(carets) : `${highlight(carets)} ${colors.cyan(suggestion)}`;
    output.push(`${colors.dim(gutter(' ', ''))} ${blank(before)}${words}`);
  }
  return output.join('\n');
}

function splitLines(text: string): readonly string[] {
  const lines = text.split('\n').map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
  // A line break ends the last line, and does not begin another one.
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}

/** Cuts lines to a window that shows the column (from 0), with dots where something is left out. */
function cropAround(marked: string, column: number, width: number): (line: string) => string {
  if (marked.length <= width) {
    return (line) => (line.length <= width ? line : `${line.slice(0, width - 3)}...`);
  }
  const start = Math.max(0, Math.min(column - Math.floor(width / 3), marked.length - width));
  return (line) => {
    const head = start > 0 && line.length > start ? '...' : '';
    const tail = line.length > start + width ? '...' : '';
    return head + line.slice(start + head.length, start + width - tail.length) + tail;
  };
}

/** Replaces what would move the cursor or change colours. The length stays the same. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, (character) => (character === '\t' ? character : '\ufffd'));
}

const wide =
  /^(?:\p{Emoji_Presentation}|\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}|[\uff01-\uff60])$/u;

function blank(text: string): string {
  return text.replace(/[^\t]/gu, (character) => (wide.test(character) ? '  ' : ' '));
}
