import { appendFile } from 'node:fs/promises';
import type { StageError, StageOutcome } from '../build/events.js';
import type { Diagnostic } from '../errors.js';
import type { ResolvedStage } from '../recipe/load.js';
import type { BuildSummary } from '../report/build-summary.js';
import type { Annotation } from '../report/github/annotations.js';

/** Prints annotations in a workflow of GitHub Actions, and nothing anywhere else. On standard error: `--json` keeps standard output to itself. */
export async function annotate(annotations: readonly Annotation[]): Promise<void> {
  if (process.env.GITHUB_ACTIONS !== 'true' || annotations.length === 0) return;
  const { annotationCommand } = await import('../report/github/annotations.js');
  const workspace = process.env.GITHUB_WORKSPACE ?? process.cwd();
  const lines = annotations.map((annotation) => annotationCommand(annotation, workspace));
  process.stderr.write(`${lines.join('\n')}\n`);
}

/** The annotations of the problems of a recipe. */
export function diagnosticAnnotations(diagnostics: readonly Diagnostic[]): Annotation[] {
  return diagnostics.map(({ severity, message, suggestion, location }) => ({
    level: severity,
    title: 'quern recipe',
    message: withSuggestion(message, suggestion),
    location,
  }));
}

/** The annotation of a problem that ends a command. */
export function errorAnnotation({ message, suggestion, location }: StageError): Annotation {
  return { level: 'error', title: 'quern', message: withSuggestion(message, suggestion), location };
}

/** An annotation for each stage that failed, and one for each gate that was missed, at their place in the recipe. */
export function outcomeAnnotations(stages: readonly ResolvedStage[], outcomes: readonly StageOutcome[]): Annotation[] {
  const stageNamed = new Map(stages.map((stage) => [stage.name, stage]));
  return outcomes.flatMap(({ name, status, gates, error }): Annotation[] => {
    const stage = stageNamed.get(name);
    const failure: Annotation[] =
      status === 'failed' && error !== undefined
        ? [
            {
              level: 'error',
              title: `stage ${name} failed`,
              message: withSuggestion(error.message, error.suggestion),
              location: error.location ?? stage?.location,
            },
          ]
        : [];
    const missed = gates.flatMap((gate, index): Annotation[] => {
      if (gate.ok) return [];
      const metric = stage?.gates[index]?.metric;
      const message = `${gate.name}, but it is ${JSON.stringify(gate.value)}`;
      const location = metric === undefined ? stage?.location : stage?.locate(['gates', metric]);
      return [{ level: 'error', title: `gate missed by ${name}`, message, location }];
    });
    return [...failure, ...missed];
  });
}

/** Adds a build to the summary of the workflow step, where there is one. */
export async function addToStepSummary(summary: BuildSummary): Promise<void> {
  const file = process.env.GITHUB_STEP_SUMMARY;
  if (process.env.GITHUB_ACTIONS !== 'true' || file === undefined || file === '') return;
  const { stepSummary } = await import('../report/github/step-summary.js');
  await appendFile(file, stepSummary(summary));
}

function withSuggestion(message: string, suggestion: string | undefined): string {
  return suggestion === undefined ? message : `${message}\n${suggestion}`;
}
