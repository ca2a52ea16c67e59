import type { ConfigReader } from '../checkpoints/config-reader.js';
import { string } from '../onnx/attribute.js';
import type { Value } from '../onnx/node.js';
import type { GraphBuilder } from './graph-builder.js';

/** Functions between two linear layers. */
export type Activation = 'relu' | 'silu' | 'gelu' | 'gelu-tanh';

/** By the names they have in transformers. */
const activations: { readonly [name: string]: Activation } = {
  relu: 'relu',
  silu: 'silu',
  swish: 'silu',
  gelu: 'gelu',
  gelu_new: 'gelu-tanh',
  gelu_fast: 'gelu-tanh',
  gelu_pytorch_tanh: 'gelu-tanh',
};

/** Reads which activation a field of a config.json names. */
export function readActivation(fields: ConfigReader, field: string, usual: Activation): Activation {
  return fields.has(field) ? activations[fields.oneOf(field, Object.keys(activations))]! : usual;
}

/** Applies an activation. The node that makes the result has the name of the module. */
export function activate(builder: GraphBuilder, activation: Activation, name: string, input: Value): Value {
  switch (activation) {
    case 'relu':
      return builder.node('Relu', name, [input]);
    case 'silu':
      return builder.node('Mul', name, [input, builder.node('Sigmoid', `${name}/sigmoid`, [input])]);
    case 'gelu':
      return builder.node('Gelu', name, [input]);
    case 'gelu-tanh':
      return builder.node('Gelu', name, [input], { approximate: string('tanh') });
  }
}
