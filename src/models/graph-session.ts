import { relative } from 'node:path';
import { encodeModel } from '../onnx/encode-model.js';
import type { ExternalPlace } from '../onnx/encode-tensor.js';
import type { Model } from '../onnx/model.js';
import type { Tensor } from '../onnx/tensor.js';
import { FileTensor } from '../onnx/tensor.js';
import type { Engine, Session } from '../ort/engine.js';
import type { ResolvableSessionOptions } from '../ort/session-options.js';
import { integerProductsSaturate } from './saturating-products.js';

/**
 * Settings under which every session of a model runs: integer products that can't saturate, so that results don't depend on
 * the machine, and float activations where DequantizeLinear gives weights, which ONNX Runtime would quantize to int8.
 */
function modelConfig(engine: Engine): NonNullable<ResolvableSessionOptions['config']> {
  // It takes half again as long where it is not needed.
  const exact = integerProductsSaturate(engine) ? { 'session.x64quantprecision': '1' } : {};
  return { ...exact, 'session.qdq_matmulnbits_accuracy_level': '1' };
}

/**
 * Opens a session of a model whose weights lie in files of `directory`: they are mapped from there and don't pass through
 * JavaScript. Weights that are in memory go into the session with the graph.
 */
export function openModelSession(
  engine: Engine,
  model: Model,
  directory: string,
  options: ResolvableSessionOptions = {},
): Session {
  const places = new Map<Tensor, ExternalPlace>();
  for (const { initializer } of model.graph.initializers.values()) {
    const location = initializer instanceof FileTensor ? relative(directory, initializer.path) : '..';
    if (initializer instanceof FileTensor && !location.startsWith('..')) {
      places.set(initializer, { location: location.replaceAll('\\', '/'), offset: initializer.offset });
    }
  }
  return engine.openSession(
    { bytes: encodeModel(model, places), externalDataFolder: directory },
    { ...options, config: { ...modelConfig(engine), ...options.config } },
  );
}
