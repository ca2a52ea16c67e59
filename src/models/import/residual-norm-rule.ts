import { floatAttribute } from '../../onnx/attribute.js';
import type { ImportRule } from './import-context.js';

/** SkipLayerNormalization and its RMS form: an addition to the residual stream, which is its last output, and a norm of it. */
export const residualNormRule: ImportRule = (context, value) => {
  const { builder, source, names } = context;
  const node = value.producer;
  const isRms = node?.opType === 'SkipSimplifiedLayerNormalization';
  if (node === undefined || node.domain !== 'com.microsoft' || !(isRms || node.opType === 'SkipLayerNormalization'))
    return undefined;
  const [input, skip, scale, ...rest] = node.inputs;
  const [shift, bias] = isRms ? [undefined, rest[0]] : rest;
  const weight = scale === undefined ? undefined : source.constant(scale);
  const constants = [shift, bias].map((constant) => (constant === undefined ? undefined : source.constant(constant)));
  if (input === undefined || skip === undefined || scale === undefined || weight === undefined || bias !== undefined)
    return undefined;
  const module = names.moduleOf(node) || names.moduleOfWeight(scale.name) || 'norm';
  const stream = builder.node('Add', builder.graph.uniqueName(`${module}/residual`), [
    context.translate(input),
    context.translate(skip),
  ]);
  const epsilon = floatAttribute(node.attributes, 'epsilon') ?? 1e-12;
  const name = builder.graph.uniqueName(module);
  const [shiftTensor] = constants;
  const normed = isRms
    ? builder.rmsNorm(name, stream, weight, epsilon)
    : builder.layerNorm(name, stream, shiftTensor === undefined ? { weight } : { weight, bias: shiftTensor }, epsilon);
  if (node.outputs[0] !== undefined) context.remember(node.outputs[0], normed);
  if (node.outputs[3] !== undefined) context.remember(node.outputs[3], stream);
  return value === node.outputs[3] ? stream : value === node.outputs[0] ? normed : undefined;
};
