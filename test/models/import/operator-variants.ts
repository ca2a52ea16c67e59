import { float, floatAttribute, int, intAttribute } from '../../../src/onnx/attribute.js';
import type { Model } from '../../../src/onnx/model.js';
import type { NodeOptions, Value } from '../../../src/onnx/node.js';
import { float32Of, tensorFromFloat32 } from '../../../src/onnx/tensor.js';

type Replacement = Omit<NodeOptions, 'name' | 'outputs' | 'before'>;

/** Puts other nodes in the place of those that compute `outputs`. */
function replaceNode({ graph }: Model, outputs: readonly (Value | undefined)[], replacement: Replacement): void {
  const [first] = outputs;
  const before = first?.producer;
  if (before === undefined) throw new Error('nothing to replace');
  const name = graph.uniqueName(`${before.name}/replaced`);
  const node = graph.addNode({ ...replacement, name, before, outputs: outputs.map((_, index) => `${name}_${index}`) });
  for (const [index, output] of outputs.entries()) {
    const other = node.outputs[index];
    if (output === undefined || other === undefined) continue;
    other.type = output.type;
    graph.replaceAllUses(output, other);
  }
}

function finish(model: Model): void {
  model.opsets.set('com.microsoft', 1);
  model.graph.removeUnused();
  model.graph.sort();
}

/** Attention as MultiHeadAttention of ONNX Runtime, with the biases of its projections if they have some. */
export function useMultiHeadAttention(model: Model): void {
  const { graph } = model;
  for (const node of graph.nodes.filter(({ opType }) => opType === 'Attention')) {
    const [query, key, value, mask, pastKey, pastValue] = node.inputs;
    const projections = [query, key, value].map((input) => {
      const [product, bias] = input?.producer?.opType === 'Add' ? input.producer.inputs : [];
      return { input, product, bias: bias?.initializer };
    });
    const biases = projections.flatMap(({ bias }) => (bias === undefined ? [] : [float32Of(bias)]));
    const all = Float32Array.from(biases.flatMap((bias) => [...bias]));
    const hasBias = biases.length === projections.length;
    const bias = hasBias ? graph.addInitializer(`${node.name}/bias`, tensorFromFloat32([all.length], all)) : undefined;
    const heads = projections.map(({ input, product }) => (hasBias ? product : input));
    replaceNode(model, node.outputs, {
      ...{ opType: 'MultiHeadAttention', domain: 'com.microsoft' },
      inputs: [...heads, bias, undefined, mask, pastKey, pastValue],
      attributes: {
        num_heads: int(intAttribute(node.attributes, 'q_num_heads') ?? 0),
        scale: float(floatAttribute(node.attributes, 'scale') ?? 0),
        unidirectional: int(1),
      },
    });
  }
  finish(model);
}

/** Norms behind an addition to the residual stream as SkipLayerNormalization, or its RMS form, of ONNX Runtime. */
export function useSkipNorms(model: Model): void {
  for (const node of model.graph.nodes) {
    const isRms = node.opType === 'RMSNormalization';
    const [input, weight, bias] = node.inputs;
    const sum = input?.producer;
    const [first, second] = sum?.inputs ?? [];
    const isResidual = sum?.opType === 'Add' && first?.initializer === undefined && second?.initializer === undefined;
    if (!(isRms || node.opType === 'LayerNormalization') || !isResidual) continue;
    const epsilon = floatAttribute(node.attributes, 'epsilon') ?? 0;
    replaceNode(model, [node.output, undefined, undefined, input], {
      ...{ opType: isRms ? 'SkipSimplifiedLayerNormalization' : 'SkipLayerNormalization', domain: 'com.microsoft' },
      inputs: [first, second, weight, bias],
      attributes: { epsilon: float(epsilon) },
    });
  }
  finish(model);
}
