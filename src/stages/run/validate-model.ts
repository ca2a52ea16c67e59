import { openModelDirectory } from '../../models/model-directory.js';
import type { EagerModel } from '../../runtime/eager-model.js';
import { firstDifference, type OperatorError, traceOperators } from '../../runtime/operator-trace.js';
import { openRelated, type Runner, withEagerModel } from '../../runtime/runner.js';
import { type Validation, validate } from '../../runtime/validate.js';
import { openWholeGraph } from '../../runtime/whole-graph.js';
import type { WorkContext } from '../kind.js';
import type { RunParameters } from './parameters.js';
import type { Prompt } from './prompts.js';

/** A type and not an interface, so that it is JSON. */
export type ValidationReport = Validation & {
  /** What the model was compared with. */
  readonly reference: 'whole graph' | 'reference';
  /** The first operator whose result on the first prompt is further from the reference than the limit. */
  readonly firstOperatorOverLimit?: OperatorError;
};

export interface ValidationSubjects {
  readonly runner: Runner;
  readonly model: EagerModel;
  readonly prompts: readonly Prompt[];
}

/**
 * Compares a model with its reference, or with itself as one session. Where there is a reference, or logits are further
 * apart than operators may be, operators are compared one by one.
 */
export async function validateModel(
  context: WorkContext<RunParameters>,
  subjects: ValidationSubjects,
  onPrompt: () => void,
): Promise<ValidationReport> {
  const { parameters, inputs } = context;
  const { runner, model, prompts } = subjects;
  const openOther = () =>
    inputs.reference === undefined
      ? openModelDirectory(inputs.model!)
      : openRelated(inputs.reference, 'reference', runner.opened.info);
  const ids = prompts.map((prompt) => prompt.ids);
  const other = openWholeGraph(runner.engine, openOther());
  const validation = validate(model, other, ids, onPrompt);
  other.close();
  const hasReference = inputs.reference !== undefined;
  const found = { ...validation, reference: hasReference ? ('reference' as const) : ('whole graph' as const) };
  const [first] = ids;
  if (first === undefined || (!hasReference && validation.maxLogitError <= parameters.operatorErrorLimit)) return found;
  const trace = (opened: Runner['opened'], devices: Runner['devices']) =>
    traceOperators(runner.engine, devices, opened.model.graph, first, (engine, observed, use) =>
      withEagerModel(runner, { engine, devices: observed, opened, granularity: 'op', capacity: first.length }, use),
    );
  const own = openModelDirectory(inputs.model!);
  const [actual, expected] = [await trace(own, runner.devices), await trace(openOther(), [])];
  const worst = firstDifference(own.model.graph, expected, actual, parameters.operatorErrorLimit);
  return worst === undefined ? found : { ...found, firstOperatorOverLimit: worst };
}
