import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { QuernError } from '../../errors.js';
import type { JsonObject } from '../../json.js';
import { isJsonObject } from '../../json.js';
import type { LinearLayer } from '../../models/linear-layers.js';
import { findLinearLayers } from '../../models/linear-layers.js';
import { companionsOf, openModelDirectory, writeModelDirectory } from '../../models/model-directory.js';
import { float32Of } from '../../onnx/tensor.js';
import { openEngine } from '../../ort/open-engine.js';
import { dequantizeNBits } from '../../quant/dequantize.js';
import { type GptqInput, prepareGptqInput, quantizeGptq } from '../../quant/gptq.js';
import type { GroupBits, GroupSize } from '../../quant/groups.js';
import { type Matrix, matrix } from '../../quant/matrix.js';
import { type NBitsWeight, nbitsByteLength } from '../../quant/nbits-weight.js';
import { weightError } from '../../quant/weight-error.js';
import { tokenDigest } from '../../text/token-digest.js';
import type { DatasetParameters } from '../dataset-windows.js';
import type { WorkContext, WorkResult } from '../kind.js';
import { calibrationWindows } from '../layerwise/calibration-windows.js';
import { largestErrors } from '../layerwise/largest-errors.js';
import type { LayerResult } from '../layerwise/layer-result.js';
import { LayerResultWriter, readLayerResult, replaceInitializers } from '../layerwise/layer-result.js';
import { MatrixProducts } from '../layerwise/matrix-products.js';
import { squaresOf } from '../layerwise/moment-squares.js';
import { outputErrorOf } from '../layerwise/output-error.js';
import type { InputStatistics } from '../layerwise/residual-stream.js';
import { ResidualStream } from '../layerwise/residual-stream.js';
import { replaceByNBits } from '../quantize/replace-by-nbits.js';
import { keepWeight, quantizedWeight } from './layer-weights.js';

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
  const windows = await calibrationWindows(dataset, opened, context.sources);
  const stream = new ResidualStream(engine, opened, windows);
  const tokens = tokenDigest(windows);
  const nodes: JsonObject[] = [];
  for (const [index, segment] of stream.segments.entries()) {
    const chosen = segment.layers.map(({ name }) => layers.get(name)!);
    const description = { tokens, decoderLayer: segment.decoderLayer, ...options };
    const place = await context.part({ unit: 'decoder layers', inputs: ['model'], description }, (directory) =>
      quantizeSegment(directory, chosen, stream.measure(segment), options, products),
    );
    const result = readLayerResult(place);
    stream.replaceWeights(
      segment,
      () => new Map(chosen.map((layer) => [layer.name, dequantizeNBits(quantizedWeight(result, layer))])),
    );
    for (const layer of chosen) replaceByNBits(model, layer, quantizedWeight(result, layer), 0);
    replaceInitializers(model.graph, result.tensors);
    nodes.push(...accountsOf(result));
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
  const table = { format: 1, options, nodes };
  writeFileSync(join(context.outputDirectory, 'quantization.json'), `${JSON.stringify(table, null, 2)}\n`);
  return { metrics: { ...summary, bits, group, ...largestErrors(nodes) } };
}

type GptqSettings = Omit<GptqParameters, 'dataset'>;

/** Quantizes the linear layers of a decoder layer, and keeps their weights in a directory. */
function quantizeSegment(
  directory: string,
  layers: readonly LinearLayer[],
  statistics: ReadonlyMap<string, InputStatistics>,
  options: GptqSettings,
  products: MatrixProducts,
): void {
  const writer = new LayerResultWriter(directory);
  const inputs = new Map<string, GptqInput>();
  const weights: JsonObject[] = [];
  const nodes: JsonObject[] = [];
  for (const layer of layers) {
    const { name, input } = layer;
    const weight = matrix(float32Of(layer.tensor), layer.inputFeatures, layer.outputFeatures);
    const quantized = withName(name, () => {
      const prepared =
        inputs.get(input.name) ?? prepareGptqInput(statistics.get(input.name)!.gram, options, products.transposed);
      inputs.set(input.name, prepared);
      return quantizeGptq(weight, prepared, options, (left, right) => products.product(left, right));
    });
    weights.push(keepWeight(writer, layer, quantized));
    const { gram } = statistics.get(input.name)!;
    nodes.push(account(layer, weight, quantized, gram, products));
  }
  writer.end({ weights, nodes });
}

function accountsOf({ facts }: LayerResult): readonly JsonObject[] {
  return Array.isArray(facts.nodes) ? facts.nodes.filter(isJsonObject) : [];
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

/** The output error is that for the inputs whose second moments are given. */
function account(
  { name, tensor, inputFeatures, outputFeatures }: LinearLayer,
  weight: Matrix,
  quantized: NBitsWeight,
  gram: Matrix,
  products: MatrixProducts,
): JsonObject {
  const restored = dequantizeNBits(quantized);
  const { relativeFrobenius, largest } = weightError(weight, restored);
  const outputError = outputErrorOf(squaresOf(weight, restored, gram, products));
  return {
    name,
    inputFeatures,
    outputFeatures,
    sizeBytesBefore: tensor.byteLength,
    sizeBytesAfter: nbitsByteLength(quantized),
    relativeError: relativeFrobenius,
    largestError: largest,
    ...outputError,
  };
}
