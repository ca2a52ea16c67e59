import { int } from '../onnx/attribute.js';
import type { Model } from '../onnx/model.js';
import type { Value } from '../onnx/node.js';
import { AttributeProto_AttributeType } from '../onnx/proto/onnx_pb.js';
import { type AddNode, defineFunction } from './functions.js';

export const positionsType = 'SequencePositions';
export const slidingWindowType = 'SlidingWindowMask';

/**
 * Makes sure that a model has the function `quern.SequencePositions`: the places of new tokens in the text, which go on
 * where the past ends.
 *
 * Inputs: attention mask int64 [batch, past and new tokens], shape of the new tokens int64 [2]. Output: int64 [batch, new].
 */
export function definePositions(model: Model): void {
  defineFunction(model, positionsType, ({ body }, node) => {
    const mask = body.addInput('attention_mask');
    const shape = body.addInput('token_shape');
    body.addOutput(node('Expand', 'positions', [newPlaces(node, mask, shape).places, shape]));
  });
}

/**
 * Makes sure that a model has the function `quern.SlidingWindowMask`: token i sees token j if i - `window` < j <= i.
 *
 * Inputs: as of SequencePositions. Output: bool [new, past and new tokens].
 */
export function defineSlidingWindow(model: Model): void {
  defineFunction(model, slidingWindowType, (definition, node) => {
    const { body } = definition;
    definition.attributes.push('window');
    const mask = body.addInput('attention_mask');
    const shape = body.addInput('token_shape');
    const { places, total } = newPlaces(node, mask, shape);
    const window = node('Constant', 'window', [], {
      value_int: { type: 'reference', value: 'window', of: AttributeProto_AttributeType.INT },
    });
    const seen = node('Range', 'seen', [integer(node, 'first', 0), total, integer(node, 'seen_step', 1)]);
    const seeing = node('Unsqueeze', 'seeing', [places, integers(node, 'seeing_axis', 1)]);
    const isRecent = node('Greater', 'is_recent', [seen, node('Sub', 'window_end', [seeing, window])]);
    const isPast = node('LessOrEqual', 'is_past', [seen, seeing]);
    body.addOutput(node('And', 'visible', [isRecent, isPast]));
  });
}

/** The places of the new tokens, int64 [new], and how many tokens there are with them, int64 scalar. */
function newPlaces(node: AddNode, mask: Value, shape: Value): { readonly places: Value; readonly total: Value } {
  const axis = integer(node, 'token_axis', 1);
  const total = node('Gather', 'total_length', [node('Shape', 'mask_shape', [mask]), axis]);
  const past = node('Sub', 'past_length', [total, node('Gather', 'new_length', [shape, axis])]);
  return { places: node('Range', 'places', [past, total, integer(node, 'place_step', 1)]), total };
}

function integer(node: AddNode, name: string, value: number): Value {
  return node('Constant', name, [], { value_int: int(value) });
}

function integers(node: AddNode, name: string, value: number): Value {
  return node('Constant', name, [], { value_ints: { type: 'ints', value: [value] } });
}
