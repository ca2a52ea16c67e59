import type { Json } from '../json.js';

/** The one JSON document of a `--json` call, on standard output. */
export function printJson(document: unknown): void {
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
}

/** Rows as aligned columns. The last column is not padded. */
export function formatTable(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** A JSON value in a line of text. */
export function formatValue(value: Json | undefined): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'string' && /^sha256:[0-9a-f]{64}$/.test(value))
    return value.slice('sha256:'.length, 'sha256:'.length + 12);
  return JSON.stringify(value);
}
