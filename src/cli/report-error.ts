import { readFileSync } from 'node:fs';
import { describeError } from '../build/describe-error.js';
import type { StageError } from '../build/events.js';
import type { ErrorCode, ExitCode } from '../errors.js';
import { exitCodes, QuernError } from '../errors.js';
import { annotate, diagnosticAnnotations, errorAnnotation } from './github.js';
import { Interrupted } from './interrupts.js';
import { RecipeProblems } from './recipe-problems.js';

const wrongCallCodes: ReadonlySet<ErrorCode> = new Set(['recipe', 'usage']);

/** The exit code of a problem that ends a command. */
export function exitCodeOf(error: unknown): ExitCode {
  return error instanceof QuernError && wrongCallCodes.has(error.code) ? exitCodes.wrongCall : exitCodes.stageFailed;
}

/** Prints a problem that ends a command on standard error, with its source line when it has one. */
export async function reportError(error: unknown, argumentList: readonly string[]): Promise<ExitCode> {
  if (error instanceof RecipeProblems) {
    const { renderDiagnostics } = await import('../recipe/frame.js');
    process.stderr.write(`${renderDiagnostics(error.diagnostics, error.texts)}\n`);
    await annotate(diagnosticAnnotations(error.diagnostics));
    return exitCodes.wrongCall;
  }
  if (error instanceof Interrupted) return exitCodes.interrupted;
  const description = describeError(error);
  process.stderr.write(`${await errorText(description)}\n`);
  await annotate([errorAnnotation(description)]);
  if (
    argumentList.some((argument) => argument === '-v' || argument === '--verbose') &&
    description.details !== undefined
  ) {
    process.stderr.write(`${description.details}\n`);
  }
  return exitCodeOf(error);
}

/** A problem as text: a frame of the source line where there is one, else `error: message` and what to do. */
export async function errorText(error: StageError): Promise<string> {
  const { message, suggestion, location } = error;
  if (location?.line !== undefined) {
    const { renderDiagnostic } = await import('../recipe/frame.js');
    const text = readText(location.file);
    if (text !== undefined) {
      return renderDiagnostic(
        { severity: 'error', message, location, ...(suggestion === undefined ? {} : { suggestion }) },
        text,
      );
    }
  }
  return `error: ${message}${suggestion === undefined ? '' : `\n  ${suggestion}`}`;
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
