import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { QuernError } from '../../errors.js';
import type { JsonObject } from '../../json.js';
import type { LinearLayer } from '../../models/linear-layers.js';
import { findLinearLayers } from '../../models/linear-layers.js';
import { companionsOf, openModelDirectory, writeModelDirectory } from '../../models/model-directory.js';
import { float32Of } from '../../onnx/tensor.js';
import { openEngine } from '../../ort/open-engine.js';
import { dequantizeNBits } from '../../quant/dequantize.js';
import { type GptqInput, prepareGptqInput, quantizeGptq } from '../../quant/gptq.js';
import type { GroupBits, GroupSize } from '../../quant/groups.js';
import { type Matrix, matrix } from '../../quant/matrix.js';
import { nbitsNames } from '../../quant/names.js';
import { weightError } from '../../quant/weight-error.js';
import type { DatasetParameters } from '../dataset-windows.js';
import type { WorkContext, WorkResult } from '../kind.js';
import { calibrationWindows } from '../layerwise/calibration-windows.js';
import { MatrixProducts } from '../layerwise/matrix-products.js';
import { ResidualStream } from '../layerwise/residual-stream.js';
import { TensorSpill } from '../layerwise/tensor-spill.js';
import { replaceByNBits } from '../quantize/replace-by-nbits.js';

export interface GptqParameters {
  readonly dataset: DatasetParameters;
  readonly bits: GroupBits;
  readonly group: GroupSize;
  readonly symmetric: boolean;
  readonly damp: number;
  readonly actOrder: boolean;
}

/**
 * Quantizes the linear layers of each decoder layer with GPTQ (Frantar et al. 2022, arXiv 2210.17323). The second moments
 * of a layer's inputs are those behind the layers before it as they have been quantized.
 */
export async function gptq(context: WorkContext<GptqParameters>): Promise<WorkResult> {
  const { dataset, ...options } = context.parameters;
  const directory = context.inputs.model!;
  const { model, info } = openModelDirectory(directory);
  const layers = new Map(findLinearLayers(model.graph).map((layer) => [layer.name, layer]));
  const engine = await openEngine({ threads: context.threads });
  const products = new MatrixProducts(engine);
  const opened = openModelDirectory(directory);
  const stream = new ResidualStream(engine, opened, await calibrationWindows(dataset, opened, context.sources));
  const spill = new TensorSpill(context.outputDirectory);
  const nodes: JsonObject[] = [];
  for (const [index, segment] of stream.segments.entries()) {
    const statistics = stream.measure(segment);
    const inputs = new Map<string, GptqInput>();
    const restored = new Map<string, Matrix>();
    for (const { name, input } of segment.layers) {
      const layer = layers.get(name)!;
      const weight = matrix(float32Of(layer.tensor), layer.inputFeatures, layer.outputFeatures);
      const quantized = withName(name, () => {
        const prepared = inputs.get(input.name) ?? prepareGptqInput(statistics.get(input.name)!.gram, options);
        inputs.set(input.name, prepared);
        return quantizeGptq(weight, prepared, options, (left, right) => products.product(left, right));
      });
      replaceByNBits(model, layer, quantized, 0);
      spill.move(model.graph, Object.values(nbitsNames(layer.weight.name, quantized.bits)));
      restored.set(name, dequantizeNBits(quantized));
      nodes.push(account(layer, weight, restored.get(name)!));
    }
    stream.advance(segment, restored);
    context.report({ done: index + 1, total: stream.segments.length, unit: 'decoder layers' });
  }
  engine.close();
  model.graph.removeUnused();
  const { bits, group } = options;
  const schemes = [`gptq-w${bits}-${group === 'channel' ? group : `g${group}`}`];
  const summary = { schemes, quantizedNodes: nodes.length, keptNodes: layers.size - nodes.length };
  writeModelDirectory(model, context.outputDirectory, {
    layout: 'per-tensor',
    info,
    quantization: summary,
    companions: companionsOf(directory),
  });
  spill.remove();
  const table = { format: 1, options, nodes };
  writeFileSync(join(context.outputDirectory, 'quantization.json'), `${JSON.stringify(table, null, 2)}\n`);
  return { metrics: { ...summary, bits, group } };
}

/** Says which layer a problem is about. */
function withName<Result>(name: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof QuernError)) throw error;
    const { suggestion } = error;
    throw new QuernError(error.code, `${name}: ${error.message}`, {
      ...(suggestion === undefined ? {} : { suggestion }),
      cause: error,
    });
  }
}

function account({ name, inputFeatures, outputFeatures }: LinearLayer, weight: Matrix, restored: Matrix): JsonObject {
  const { relativeFrobenius, largest } = weightError(weight, restored);
  return { name, inputFeatures, outputFeatures, relativeError: relativeFrobenius, largestError: largest };
}
