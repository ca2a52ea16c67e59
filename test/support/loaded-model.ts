import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { makeParts } from '../../src/build/action-parts.js';
import type { WorkContext } from '../../src/stages/kind.js';
import { loadModel } from '../../src/stages/load/work.js';
import { sourceFiles } from './source-files.js';

/** Builds the model of a checkpoint in a new directory. */
export async function loadCheckpoint(checkpoint: string, outputDirectory: string): Promise<string> {
  mkdirSync(outputDirectory, { recursive: true });
  await loadModel({
    parameters: { source: checkpoint },
    ...workPlace(outputDirectory),
    sources: { source: sourceFiles(checkpoint) },
  });
  return outputDirectory;
}

/** What a stage is given besides parameters, for tests that look at its result alone. */
export function workPlace(outputDirectory: string, threads = 1): Omit<WorkContext, 'parameters'> {
  mkdirSync(outputDirectory, { recursive: true });
  const part = makeParts(`${outputDirectory}-parts`);
  return {
    inputs: {},
    sources: {},
    outputDirectory,
    threads,
    part,
    report: () => {},
    finished: () => {},
    log: () => {},
  };
}

/** The source of a calibration text, as a stage finds it. */
export function textSource(): WorkContext['sources'] {
  const path = join(import.meta.dirname, '../../recipes/data/calibration.txt');
  return { 'dataset.text': sourceFiles(path) };
}
