import { relative, resolve } from 'node:path';
import type { Location } from '../../errors.js';

/** A remark that GitHub shows at a line of a file. */
export interface Annotation {
  readonly level: 'error' | 'warning';
  readonly title: string;
  readonly message: string;
  readonly location?: Location | undefined;
}

/**
 * A workflow command of GitHub Actions, to be printed on a line of its own. Escaping is that of `@actions/core`
 * (`src/command.ts`). GitHub wants paths from the root of the checkout.
 */
export function annotationCommand({ level, title, message, location }: Annotation, workspace: string): string {
  const properties = [...locationProperties(location, workspace), ['title', title]].map(
    ([name, value]) => `${name}=${escapeProperty(value ?? '')}`,
  );
  return `::${level} ${properties.join(',')}::${escapeData(message)}`;
}

function locationProperties(location: Location | undefined, workspace: string): string[][] {
  if (location === undefined) return [];
  const { file, line, column, length } = location;
  const place = [['file', pathFrom(workspace, file)]];
  if (line !== undefined) place.push(['line', String(line)]);
  if (column !== undefined) place.push(['col', String(column)]);
  if (column !== undefined && length !== undefined) place.push(['endColumn', String(column + length)]);
  return place;
}

function pathFrom(workspace: string, file: string): string {
  const path = relative(workspace, resolve(file));
  return path === '' || path.startsWith('..') ? file : path.replaceAll('\\', '/');
}

function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
