import type { Json, JsonObject } from '../../json.js';
import { isJsonObject } from '../../json.js';
import type { LinearLayer } from '../../models/linear-layers.js';
import { float32Of, uint8Of } from '../../onnx/tensor.js';
import { nbitsNames } from '../../quant/names.js';
import type { NBits, NBitsBlock, NBitsWeight } from '../../quant/nbits-weight.js';
import { nbitsBlocks } from '../../quant/nbits-weight.js';
import type { LayerResult, LayerResultWriter } from '../layerwise/layer-result.js';
import { nbitsTensors } from '../quantize/replace-by-nbits.js';

/** Keeps the quantized weight of a linear layer. Returns what `quantizedWeight` needs to know besides the tensors. */
export function keepWeight(writer: LayerResultWriter, layer: LinearLayer, weight: NBitsWeight): JsonObject {
  for (const [name, tensor] of nbitsTensors(layer.weight.name, weight)) writer.add(name, tensor);
  return { layer: layer.name, bits: weight.bits, block: weight.block };
}

/** The quantized weight of a linear layer as it was kept. */
export function quantizedWeight({ tensors, facts }: LayerResult, layer: LinearLayer): NBitsWeight {
  const weights = Array.isArray(facts.weights) ? facts.weights : [];
  const { bits, block } = weights.filter(isJsonObject).find((each) => each.layer === layer.name) ?? {};
  if (!isBits(bits) || !isBlock(block)) throw new Error(`nothing was kept of ${layer.name}`);
  const names = nbitsNames(layer.weight.name, bits);
  const codes = tensors.get(names.codes);
  const scales = tensors.get(names.scales);
  const zeroPoints = tensors.get(names.zeroPoints);
  if (codes === undefined || scales === undefined) throw new Error(`nothing was kept of ${layer.name}`);
  return {
    rows: layer.inputFeatures,
    columns: layer.outputFeatures,
    bits,
    block,
    codes: uint8Of(codes),
    scales: float32Of(scales),
    ...(zeroPoints === undefined ? {} : { zeroPoints: uint8Of(zeroPoints) }),
  };
}

function isBits(value: Json | undefined): value is NBits {
  return value === 2 || value === 4 || value === 8;
}

function isBlock(value: Json | undefined): value is NBitsBlock {
  return nbitsBlocks.some((block) => block === value);
}
