import type { Attribute } from '../onnx/attribute.js';
import type { Model } from '../onnx/model.js';
import { FunctionDefinition } from '../onnx/model.js';
import type { Value } from '../onnx/node.js';

/** Domain of the operators that models of quern define themselves, as functions in terms of standard operators. */
export const functionDomain = 'quern';

/** Adds one-output nodes to the body of a function, the node named as its output. */
export type AddNode = (
  opType: string,
  output: string,
  inputs: readonly (Value | undefined)[],
  attributes?: { readonly [name: string]: Attribute },
) => Value;

/** Makes sure that a model has a function of quern's domain; `define` fills it in if it is new. */
export function defineFunction(
  model: Model,
  name: string,
  define: (definition: FunctionDefinition, node: AddNode) => void,
): void {
  const opset = model.opsets.get('');
  if (opset === undefined) throw new Error('the model has no operators of ONNX');
  model.opsets.set(functionDomain, 1);
  if (model.functions.some((known) => known.domain === functionDomain && known.name === name)) return;
  const definition = new FunctionDefinition(functionDomain, name);
  definition.opsets.set('', opset);
  define(
    definition,
    (opType, output, inputs, attributes = {}) =>
      definition.body.addNode({ opType, name: output, inputs, outputs: [output], attributes }).output,
  );
  model.functions.push(definition);
}
