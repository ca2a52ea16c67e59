import type { Json } from '../../json.js';
import { type ModelDirectory, openModelDirectory } from '../../models/model-directory.js';
import { openEngine } from '../../ort/open-engine.js';
import { tokenDigest } from '../../text/token-digest.js';
import type { DatasetParameters } from '../dataset-windows.js';
import type { WorkContext } from '../kind.js';
import { calibrationWindows } from '../layerwise/calibration-windows.js';
import { compareOutputs, SquareSums } from '../layerwise/compare-outputs.js';
import { DecoderWalk } from '../layerwise/decoder-walk.js';
import { type OutputError, outputErrorOf } from '../layerwise/output-error.js';
import { windowBatches } from '../layerwise/window-batches.js';
import type { Rule } from './rule.js';

/** Measures the operators with these names, once the quantized model is in the output directory. */
export type MeasureOutputErrors = (names: ReadonlySet<string>) => Promise<(name: string) => OutputError>;

type Context = WorkContext<{ readonly rules: readonly Rule[] }>;

/** Reads the text, so that one that is not right is known before anything is quantized. */
export async function prepareOutputErrors(
  context: Context,
  dataset: DatasetParameters,
  opened: ModelDirectory,
): Promise<MeasureOutputErrors> {
  const windows = await calibrationWindows(dataset, opened, context.sources);
  return (names) => measureOutputErrors(context, windows, names);
}

/**
 * What quantizing did to the outputs of operators: ||Y' - Y|| / ||Y|| in Frobenius norms over all tokens of the windows,
 * with Y = X W the output of the float model's operator for the inputs X that it has there, and Y' what the operator of the
 * quantized model in the output directory makes of the same X, its activations quantized as in a pass of one window. The
 * model is walked through decoder layer by decoder layer, whatever its size: memory holds one of them in both forms.
 */
async function measureOutputErrors(
  { parameters: { rules }, inputs, outputDirectory, threads, part, report }: Context,
  windows: readonly Int32Array[],
  names: ReadonlySet<string>,
): Promise<(name: string) => OutputError> {
  const opened = openModelDirectory(inputs.model!);
  const { model: quantized } = openModelDirectory(outputDirectory);
  const engine = await openEngine({ threads });
  const walk = new DecoderWalk(engine, opened, 0);
  const squares = new SquareSums();
  let done = 0;
  for (const batch of windowBatches(windows, opened.info.hiddenSize)) {
    const description = { tokens: tokenDigest(batch), rules: rules as unknown as Json };
    const unit = 'batches of windows';
    const place = await part({ unit, inputs: Object.keys(inputs), description }, (directory) =>
      compareOutputs(walk, batch, quantized, names, (share) =>
        report({ done: done + Math.floor(share * batch.length), total: windows.length, unit: 'windows' }),
      ).write(directory),
    );
    squares.addWritten(place);
    done += batch.length;
    report({ done, total: windows.length, unit: 'windows' });
  }
  engine.close();
  return (name) => outputErrorOf(squares.of(name));
}
