import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { findLinearLayers } from '../../../src/models/linear-layers.js';
import { companionsOf, openModelDirectory, writeModelDirectory } from '../../../src/models/model-directory.js';
import { float32Of, tensorFromFloat32 } from '../../../src/onnx/tensor.js';
import { dequantizeNBits } from '../../../src/quant/dequantize.js';
import { matrix } from '../../../src/quant/matrix.js';
import type { NBitsScheme } from '../../../src/quant/schemes.js';
import { quantizeNBitsWeight, quantizeWeight } from '../../../src/stages/quantize/quantize-weight.js';
import { replaceLayer } from '../../../src/stages/quantize/replace-layer.js';
import { equivalenceError } from '../../../src/stages/smoothquant/equivalence.js';
import { loadCheckpoint } from '../../support/loaded-model.js';
import { withTemporaryDirectory } from '../../support/temporary.js';
import { writeTinyOpt } from '../../support/tiny-opt.js';

type Weights = NBitsScheme['weights'];

const group = { granularity: 'group', group: 16 } as const;
const forms: readonly Weights[] = [
  ...(['int2', 'int4', 'int8'] as const).flatMap((type) =>
    [false, true].map((symmetric): Weights => ({ type, ...group, symmetric, scale: 'onnxruntime' })),
  ),
  ...(['int4', 'int8'] as const).map((type): Weights => ({ type, ...group, symmetric: false, scale: 'k-quant' })),
  ...(['int2', 'int3', 'int4', 'int8'] as const).flatMap((type) =>
    [false, true].flatMap((symmetric): Weights[] => [
      { type, ...group, symmetric, scale: 'amd' },
      { type, granularity: 'channel', symmetric, scale: 'amd' },
    ]),
  ),
  { type: 'int4', ...group, symmetric: false, scale: 'amd', clip: 'mse' },
];

/** Writes the quantized model, and the float model with the weights that it stands for. */
function quantizeBothWays(directory: string, to: string, weights: Weights): { quantized: string; restored: string } {
  const scheme: NBitsScheme = { form: 'nbits', weights, activations: { type: 'float32' }, accuracyLevel: 0 };
  const [one, other] = [openModelDirectory(directory), openModelDirectory(directory)];
  for (const layer of findLinearLayers(one.model.graph).filter(({ isHead }) => !isHead)) {
    const weight = matrix(float32Of(layer.tensor), layer.inputFeatures, layer.outputFeatures);
    const restored = dequantizeNBits(quantizeNBitsWeight(weight, weights).weight);
    replaceLayer(one.model, layer, quantizeWeight(weight, scheme));
    const value = other.model.graph.initializers.get(layer.weight.name)!;
    other.model.graph.setInitializer(value, tensorFromFloat32(layer.tensor.dims, restored.values));
  }
  one.model.graph.removeUnused();
  const paths = { quantized: join(to, 'quantized'), restored: join(to, 'restored') };
  const options = { layout: 'per-tensor', info: one.info, companions: companionsOf(directory) } as const;
  writeModelDirectory(one.model, paths.quantized, options);
  writeModelDirectory(other.model, paths.restored, options);
  return paths;
}

test('every form of weights in groups computes what its codes stand for', () =>
  withTemporaryDirectory(async (directory) => {
    const model = await loadCheckpoint(writeTinyOpt(join(directory, 'checkpoint')), join(directory, 'model'));
    for (const [index, weights] of forms.entries()) {
      const { quantized, restored } = quantizeBothWays(model, join(directory, String(index)), weights);
      const error = await equivalenceError(restored, quantized, 1);
      assert.ok(error < 1e-5, `${JSON.stringify(weights)}: ${error}`);
      assert.ok((await equivalenceError(model, quantized, 1)) > 1e-5, `${JSON.stringify(weights)} changes nothing`);
    }
  }));

test.run();
