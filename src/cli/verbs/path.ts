import { viewTree } from '../../build/views.js';
import type { ExitCode } from '../../errors.js';
import { exitCodes } from '../../errors.js';
import { openFinishedStage } from '../finished.js';
import type { CommonOptions } from '../options.js';
import { printJson } from '../output.js';

/** `quern path RECIPE STAGE`: prints a directory that holds the artifact of a stage. Its files are shared with the store. */
export async function path(recipeFile: string, stageName: string, options: CommonOptions): Promise<ExitCode> {
  const { project, stage, record } = await openFinishedStage(recipeFile, stageName, options);
  const directory = await viewTree(project.store, record.artifact);
  if (options.json) printJson({ name: stage.name, digest: record.artifact, path: directory });
  else process.stdout.write(`${directory}\n`);
  return exitCodes.done;
}
