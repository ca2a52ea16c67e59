import { QuernError } from '../../errors.js';
import type { Embedding } from '../../models/embeddings.js';
import { transposeColumns } from '../../numerics/transpose.js';
import { int } from '../../onnx/attribute.js';
import type { Model } from '../../onnx/model.js';
import { replaceOutput } from '../../onnx/replace-output.js';
import { float32Of, tensorFrom } from '../../onnx/tensor.js';
import { matrix } from '../../quant/matrix.js';
import { nbitsNames } from '../../quant/names.js';
import type { NBitsWeight } from '../../quant/nbits-weight.js';
import { nbitsBlockCount } from '../../quant/nbits-weight.js';
import { type Scheme, schemeText } from '../../quant/schemes.js';
import type { WeightError } from '../../quant/weight-error.js';
import { quantizeNBitsWeight } from './quantize-weight.js';

/**
 * Replaces an embedding by ONNX Runtime's GatherBlockQuantized and returns how far its table is from what it was. Rows
 * are quantized as the columns of a head tied to the table would be, so that the codes of both are the same bytes.
 * @throws QuernError (`stage`) if the scheme is not one of weights in groups of 4 or 8 bits
 */
export function quantizeEmbedding(model: Model, embedding: Embedding, scheme: Scheme): WeightError {
  const { rows, features, tensor } = embedding;
  if (scheme.form !== 'nbits') {
    throw new QuernError(
      'stage',
      `${embedding.name}: a Gather has no activations to quantize, as ${schemeText(scheme)} does`,
      {
        suggestion: 'give it a scheme of groups, for example w4-g32 or w8-g32',
      },
    );
  }
  const values = new Float32Array(rows * features);
  transposeColumns(float32Of(tensor), features, 0, values);
  const weight = matrix(values, features, rows);
  const { weight: quantized, error } = quantizeNBitsWeight(weight, scheme.weights);
  if (quantized.bits === 2)
    throw new QuernError('stage', `${embedding.name}: GatherBlockQuantized has no codes of 2 bits`);
  replaceEmbedding(model, embedding, quantized);
  return error;
}

function replaceEmbedding(
  model: Model,
  { name, node, ids, weight, rows, features }: Embedding,
  quantized: NBitsWeight,
) {
  const { bits, block, scales, zeroPoints } = quantized;
  const names = nbitsNames(weight.name, bits);
  const { graph } = node;
  const blocks = nbitsBlockCount(features, block);
  const rowBytes = Math.ceil((features * bits) / 8);
  const inputs = [
    graph.addInitializer(names.codes, tensorFrom('uint8', [rows, rowBytes], withoutPadding(quantized, rowBytes))),
    ids,
    graph.addInitializer(names.scales, tensorFrom('float32', [rows, blocks], scales)),
  ];
  if (zeroPoints !== undefined) {
    const dims = [rows, zeroPoints.length / rows];
    inputs.push(graph.addInitializer(names.zeroPoints, tensorFrom('uint8', dims, zeroPoints)));
  }
  replaceOutput(node.output, `${node.output.name}/quantized`, (output) => {
    graph.addNode({
      opType: 'GatherBlockQuantized',
      domain: 'com.microsoft',
      name,
      inputs,
      outputs: [output],
      attributes: { bits: int(bits), block_size: int(block), gather_axis: int(0), quantize_axis: int(1) },
      before: node,
    });
  });
  model.opsets.set('com.microsoft', 1);
}

/** The codes of whole blocks, without those behind the last feature of each row. */
function withoutPadding({ codes, columns }: NBitsWeight, rowBytes: number): Uint8Array {
  const paddedBytes = codes.length / columns;
  if (paddedBytes === rowBytes) return codes;
  const result = new Uint8Array(columns * rowBytes);
  for (let row = 0; row < columns; row++) {
    result.set(codes.subarray(row * paddedBytes, row * paddedBytes + rowBytes), row * rowBytes);
  }
  return result;
}
