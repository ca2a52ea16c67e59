import { dequantizedProduct } from '../../../models/dequantized-product.js';
import type { QuantizedProduct } from '../../../models/quantized-products.js';
import type { Model } from '../../../onnx/model.js';
import { replaceOutput } from '../../../onnx/replace-output.js';
import { LazyTensor } from '../../../onnx/tensor.js';

/** Each product becomes a MatMul with the float32 weights that its codes stand for. Activations are not quantized. */
export function toFloat(_model: Model, products: readonly QuantizedProduct[]): void {
  for (const product of products) {
    const { node, name, input, output, weightName, rows, columns } = product;
    const { graph } = node;
    const load = (): Uint8Array => {
      const { values } = dequantizedProduct(product);
      return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    };
    const tensor = new LazyTensor('float32', [rows, columns], load);
    const weight = graph.addInitializer(graph.uniqueName(weightName), tensor);
    replaceOutput(output, `${output.name}/float`, (temporary) => {
      graph.addNode({
        opType: 'MatMul',
        name: graph.uniqueName(name),
        inputs: [input, weight],
        outputs: [temporary],
        before: node,
      });
    });
  }
}
