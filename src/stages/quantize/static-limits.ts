import { QuernError } from '../../errors.js';
import type { LinearLayer } from '../../models/linear-layers.js';
import type { Value } from '../../onnx/node.js';
import { absmax } from '../../quant/absmax.js';
import { isStatic } from '../../quant/schemes.js';
import { activationAbsmax, openAbsmax } from '../calibrate/activation-absmax.js';
import type { Decision } from './rules.js';

/**
 * How large the inputs of the layers with static schemes become, over all layers that read a value: they share its codes.
 * `directory`: the `stats` artifact.
 * @throws QuernError (`stage`) if a layer has no statistics
 */
export function staticLimits(
  decisions: readonly Decision<LinearLayer>[],
  directory: string | undefined,
): ReadonlyMap<Value, number> {
  const layers = decisions.flatMap(({ operator, scheme }) => (scheme && isStatic(scheme) ? [operator] : []));
  const limits = new Map<Value, number>();
  if (layers.length === 0) return limits;
  if (directory === undefined) throw new Error('static schemes have statistics');
  const statistics = openAbsmax(directory);
  for (const layer of layers) {
    const largest = absmax(activationAbsmax(statistics, layer));
    if (!Number.isFinite(largest)) {
      throw new QuernError('stage', `the statistics of ${layer.name} are not finite`, {
        suggestion: 'calibrate the model again, or look for the layer whose activations overflow',
      });
    }
    limits.set(layer.input, Math.max(limits.get(layer.input) ?? 0, largest));
  }
  return limits;
}
