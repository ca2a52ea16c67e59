import { resolve } from 'node:path';
import type { BuildEvent, StageOutcome } from '../build/events.js';
import { planStages } from '../build/plan.js';
import { viewTree } from '../build/views.js';
import { QuernError } from '../errors.js';
import { isRemote } from '../hub/reference.js';
import { parseRecipe } from '../recipe/load.js';
import { buildInProject } from './build-in-project.js';
import { cleanStore } from './clean-store.js';
import { DownloadProgress } from './download-progress.js';
import { Interrupted, InterruptSignals } from './interrupts.js';
import type { CommonOptions } from './options.js';
import type { Project } from './project.js';
import { chooseStages, openProjectOf } from './project.js';
import { RecipeProblems } from './recipe-problems.js';
import { StatusLine } from './status-line.js';

const stageName = 'model';

/**
 * Directory of the float model that a checkpoint or an exported graph is, as a `load` stage makes it: in the store of the
 * project around the current directory, where it is found the next time.
 * @param source what `source` of a `load` stage may be: a path, or `hf:`
 * @throws QuernError (`usage`) if there is nothing to load, (`stage`) if it can't be loaded; Interrupted
 */
export async function loadedCheckpoint(source: string, options: CommonOptions): Promise<string> {
  try {
    const project = await openLoadProject(source, options);
    const progress = new DownloadProgress('auto');
    const remote = { offline: options.offline, download: true, onProgress: progress.report };
    const stages = await chooseStages(project.recipe, [stageName], remote).finally(progress.close);
    const [plan] = await planStages(project.store, stages, { epoch: project.config.epoch });
    if (plan?.state === 'cached') return viewTree(project.store, plan.record.artifact);
    return await load(source, project, stages);
  } catch (error) {
    if (!(error instanceof RecipeProblems)) throw error;
    // Places in a recipe that nobody wrote help nobody.
    const [problem] = error.diagnostics;
    throw new QuernError('usage', problem?.message ?? error.message, {
      suggestion:
        problem?.suggestion ??
        'name a model of quern, a checkpoint in the layout of Hugging Face transformers, a GGUF file or an ONNX graph',
    });
  }
}

/** The project with a recipe of one stage, which is in no file. */
function openLoadProject(source: string, options: CommonOptions): Promise<Project> {
  const place = isRemote(source) ? source : resolve(source);
  const stage = { kind: 'load', source: place.replaceAll('${', '$${') };
  const text = JSON.stringify({ quern: 1, stages: { [stageName]: stage } });
  const own = { ...options, set: new Map() };
  return openProjectOf(place, process.cwd(), own, (read) => parseRecipe(text, source, read));
}

async function load(source: string, project: Project, stages: Project['recipe']['stages']): Promise<string> {
  const interrupts = new InterruptSignals(() => {});
  const progress = new LoadProgress(source);
  // There is one stage, and nobody waits for its end who has seen enough.
  const ends = { stop: interrupts.stop, kill: interrupts.stop };
  const result = await buildInProject(project, stages, { ...ends, listener: progress.handle }).finally(() => {
    interrupts.release();
    progress.close();
  });
  if (result.status === 'interrupted') throw new Interrupted();
  const record = result.records.get(stageName);
  if (record === undefined) throw failureOf(source, result.stages[0]);
  await cleanStore(project, 'auto');
  return viewTree(project.store, record.artifact);
}

function failureOf(source: string, outcome: StageOutcome | undefined): QuernError {
  const { message = 'it was not built', suggestion, details } = outcome?.error ?? {};
  return new QuernError('stage', `${source} can't be loaded: ${message}`, {
    ...(suggestion === undefined ? {} : { suggestion }),
    ...(details === undefined ? {} : { cause: new Error(details) }),
  });
}

/** Says on standard error that something is loaded; how far it is on a terminal. */
class LoadProgress {
  readonly #source: string;
  readonly #line = new StatusLine();

  constructor(source: string) {
    this.#source = source;
  }

  readonly handle = (event: BuildEvent): void => {
    switch (event.type) {
      case 'stage-started':
        this.#show('');
        break;
      case 'stage-waiting':
        this.#show(`: ${event.reason}`);
        break;
      case 'stage-progress': {
        const { done, total, unit } = event.progress;
        if (process.stderr.isTTY) this.#show(`: ${done} of ${total} ${unit}`);
        break;
      }
      case 'stage-ended':
        this.#line.clear();
        if (event.outcome.headline !== undefined) process.stderr.write(`${this.#source}: ${event.outcome.headline}\n`);
        break;
    }
  };

  close(): void {
    this.#line.clear();
  }

  #show(state: string): void {
    const text = `loading ${this.#source}${state}`;
    if (process.stderr.isTTY) this.#line.show(text);
    else process.stderr.write(`${text}\n`);
  }
}
