import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  dynamicQuantizeNode,
  integerMatMulNodes,
  type MatMulDescription,
  type NodeDescription,
  nbitsMatMulNode,
  nbitsNames,
  quantizedNames,
} from '../../src/quant/names.js';
import { goldenCases } from './golden/fixture.js';

interface GoldenGraph {
  readonly name: 'dynamic' | 'dynamicChannel' | 'nbits' | 'nbitsAsymmetric';
  readonly nodes: readonly NodeDescription[];
  readonly initializers: readonly { readonly name: string; readonly type: string; readonly dims: readonly number[] }[];
}

/** The MatMuls of the model that make.py quantized. */
const matMuls: readonly MatMulDescription[] = [
  { name: 'attention.q', activation: 'x', weight: 'q.weight', output: 'q' },
  { name: 'attention.k', activation: 'x', weight: 'k.weight', output: 'k' },
  { name: '', activation: 'q', weight: 'o.weight', output: 'y' },
];

function golden(name: GoldenGraph['name']): GoldenGraph {
  const found = goldenCases<GoldenGraph>('graphs.json').find((graph) => graph.name === name);
  if (!found) throw new Error(`graphs.json has no ${name}`);
  return found;
}

/** Nodes ordered by what they make, since any topological order is as good. */
function byOutput(nodes: readonly NodeDescription[]): readonly NodeDescription[] {
  return [...nodes].sort((a, b) => ((a.outputs[0] ?? '') < (b.outputs[0] ?? '') ? -1 : 1));
}

test('integer nodes are those of quantize_dynamic', () => {
  const nodes = [...['x', 'q'].map(dynamicQuantizeNode), ...matMuls.flatMap(integerMatMulNodes)];
  assert.equal(byOutput(nodes), byOutput(golden('dynamic').nodes));
  assert.equal(byOutput(nodes), byOutput(golden('dynamicChannel').nodes));
});

test('initializers of the weights have the names and shapes of quantize_dynamic', () => {
  for (const [graph, scaleDims] of [
    ['dynamic', []],
    ['dynamicChannel', [4]],
  ] as const) {
    const expected = matMuls.flatMap(({ weight }) => {
      const { quantized, scale, zeroPoint } = quantizedNames(weight);
      return [
        { name: scale, type: 'FLOAT', dims: scaleDims },
        { name: zeroPoint, type: 'INT8', dims: scaleDims },
        { name: quantized, type: 'INT8', dims: [4, 4] },
      ];
    });
    assert.equal(golden(graph).initializers, expected);
  }
});

test('4-bit nodes and initializers are those of MatMulNBitsQuantizer', () => {
  const dimensions = { rows: 4, columns: 4, block: 16 };
  const symmetric = matMuls.map((each) =>
    nbitsMatMulNode(each, { ...dimensions, bits: 4, hasZeroPoints: false, accuracyLevel: 4 }),
  );
  const asymmetric = matMuls.map((each) =>
    nbitsMatMulNode(each, { ...dimensions, bits: 4, hasZeroPoints: true, accuracyLevel: 0 }),
  );
  assert.equal(symmetric, golden('nbits').nodes);
  assert.equal(asymmetric, golden('nbitsAsymmetric').nodes);
  const names = matMuls.flatMap(({ weight }) => Object.values(nbitsNames(weight, 4)));
  const found = golden('nbitsAsymmetric').initializers.map(({ name }) => name);
  assert.equal(found.sort(), names.sort());
});

test.run();
