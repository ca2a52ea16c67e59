import { openModelDirectory } from '../../models/model-directory.js';
import { fitPrompts } from '../../runtime/benchmark.js';
import { observedParts } from '../../runtime/observed-engine.js';
import { type ProfileRow, profileOperators, profilePasses, UnitClock } from '../../runtime/operator-profile.js';
import { type Runner, withEagerModel } from '../../runtime/runner.js';
import type { WorkContext } from '../kind.js';
import type { RunParameters } from './parameters.js';

type Counter = (context: WorkContext<RunParameters>, total: number, unit: string) => () => void;

/** Opens a model operator by operator once more, and times each of them. */
export async function profileModel(
  context: WorkContext<RunParameters>,
  runner: Runner,
  counter: Counter,
): Promise<readonly ProfileRow[]> {
  const { warmup, repeats, strict } = context.parameters;
  const { vocabularySize, maximumPositions } = runner.opened.info;
  // A step behind the prompt for each decoding pass that is timed or not.
  const fitted = fitPrompts(context.parameters.promptLengths, 1, maximumPositions);
  const promptLengths = fitted.map(({ promptLength }) => promptLength);
  const opened = openModelDirectory(context.inputs.model!);
  const clock = new UnitClock();
  const observed = observedParts(runner, clock.observe);
  const options = { promptLengths, vocabularySize, warmup, repeats };
  const onPass = counter(context, profilePasses(options), 'profiled passes');
  const capacity = Math.max(...promptLengths) + 1;
  return withEagerModel(runner, { ...observed, opened, granularity: 'op', capacity, strict }, (model) =>
    profileOperators(model, opened.model.graph, clock, { ...options, onPass }),
  );
}
