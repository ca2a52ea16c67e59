import { QuernError } from '../../../errors.js';
import { intAttribute } from '../../../onnx/attribute.js';
import type { Graph } from '../../../onnx/ir.js';
import type { Node } from '../../../onnx/node.js';
import { replaceOutput } from '../../../onnx/replace-output.js';
import { float32Of, LazyTensor, type Tensor, uint8Of } from '../../../onnx/tensor.js';

/** Each GatherBlockQuantized that `quantize` wrote becomes a Gather of the float32 rows that its codes stand for. Returns how many. */
export function embeddingsToFloat(graph: Graph): number {
  const nodes = graph.nodes.filter(({ opType }) => opType === 'GatherBlockQuantized');
  for (const node of nodes) {
    const table = readTable(node);
    const { rows, features } = table;
    const name = node.requireInput(0).name.replace(/_Q\d$/, '');
    const weight = graph.addInitializer(
      graph.uniqueName(name),
      new LazyTensor('float32', [rows, features], () => dequantized(table)),
    );
    replaceOutput(node.output, `${node.output.name}/float`, (output) => {
      const inputs = [weight, node.requireInput(1)];
      graph.addNode({ opType: 'Gather', name: node.name, inputs, outputs: [output], before: node });
    });
  }
  return nodes.length;
}

/** Rows of codes in groups: `value[row, feature] = (code - zero point) * scale`. */
interface Table {
  readonly rows: number;
  readonly features: number;
  readonly bits: number;
  readonly block: number;
  readonly codes: Tensor;
  /** [rows, blocks] */
  readonly scales: Tensor;
  /** [rows, ceil(blocks * bits / 8)], packed. */
  readonly zeroPoints: Tensor | undefined;
}

function readTable(node: Node): Table {
  const [bits = 0, block = 0] = ['bits', 'block_size'].map((name) => intAttribute(node.attributes, name));
  const [codes, , scales, zeroPoints] = node.inputs.map((value) => value?.initializer);
  const [rows = 0, rowBytes = 0] = codes?.dims ?? [];
  const features = (rowBytes * 8) / bits;
  const blocks = Math.ceil(features / block);
  const isWritten =
    (bits === 4 || bits === 8) &&
    block > 0 &&
    codes?.dataType === 'uint8' &&
    scales?.dataType === 'float32' &&
    scales.byteLength === rows * blocks * 4 &&
    (zeroPoints === undefined ||
      (zeroPoints.dataType === 'uint8' && zeroPoints.byteLength === rows * Math.ceil((blocks * bits) / 8)));
  if (!isWritten) throw new QuernError('input', `${node.name} (${node.opType}) has another form than quern writes`);
  return { rows, features, bits, block, codes, scales, zeroPoints };
}

function dequantized({ rows, features, bits, block, codes, scales, zeroPoints }: Table): Uint8Array {
  const blocks = Math.ceil(features / block);
  const codeOf = unpacker(uint8Of(codes), bits, (features * bits) / 8);
  const scaleValues = float32Of(scales);
  const middle = 2 ** (bits - 1);
  const zeroPointOf = zeroPoints && unpacker(uint8Of(zeroPoints), bits, Math.ceil((blocks * bits) / 8));
  const values = new Float32Array(rows * features);
  for (let row = 0, place = 0; row < rows; row++) {
    for (let feature = 0; feature < features; feature++) {
      const group = Math.floor(feature / block);
      const zeroPoint = zeroPointOf === undefined ? middle : zeroPointOf(row, group);
      values[place++] = (codeOf(row, feature) - zeroPoint) * scaleValues[row * blocks + group]!;
    }
  }
  return new Uint8Array(values.buffer);
}

/** Reads codes that are packed row by row, the first of a byte in its lowest bits. */
function unpacker(packed: Uint8Array, bits: number, rowBytes: number): (row: number, index: number) => number {
  const perByte = 8 / bits;
  const mask = 2 ** bits - 1;
  return (row, index) => {
    const byte = packed[row * rowBytes + Math.floor(index / perByte)]!;
    return (byte >> ((index % perByte) * bits)) & mask;
  };
}
