import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { promptInputs } from '../../src/models/decoder-inputs.js';
import { openModelSession } from '../../src/models/graph-session.js';
import { joinProducts } from '../../src/models/join-products.js';
import { lowerAttention } from '../../src/models/lower-attention.js';
import { type ModelDirectory, openModelDirectory, writeModelDirectory } from '../../src/models/model-directory.js';
import { float32Scalar } from '../../src/onnx/tensor.js';
import { openEngine } from '../../src/ort/open-engine.js';
import { quantize } from '../../src/stages/quantize/work.js';
import { zeroTensor } from '../runtime/graphs.js';
import { workPlace } from '../support/loaded-model.js';
import { withTemporaryDirectory } from '../support/temporary.js';
import { buildGolden, readGolden } from './golden-models.js';

const engine = await openEngine({ threads: 1 });
test.after(() => engine.close());

function mistral(parent: string): string {
  const { model, info } = buildGolden(join(parent, 'checkpoint'), readGolden('mistral').configs.given);
  const directory = join(parent, 'float');
  writeModelDirectory(model, directory, { layout: 'per-tensor', info, companions: [] });
  return directory;
}

async function quantized(parent: string, model: string, scheme: 'w4-nbits' | 'w8a8-ort'): Promise<string> {
  const directory = join(parent, scheme);
  const rules = [
    { match: { name: 'lm_head' }, keep: 'float' as const },
    { match: {}, scheme },
  ];
  await quantize({ ...workPlace(directory), parameters: { rules }, inputs: { model } });
  return directory;
}

function outputsOf({ model, directory, info }: ModelDirectory): Uint8Array[] {
  const session = openModelSession(engine, model, realpathSync(directory));
  const outputs = Object.values(session.run(promptInputs(info, [1, 2, 3, 4, 5])));
  session.release();
  return outputs.map(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

function lowered(directory: string): ModelDirectory {
  const opened = openModelDirectory(directory);
  lowerAttention(opened.model);
  return opened;
}

test('logits and caches are the same with fewer operators, and attention reads what was joined', () =>
  withTemporaryDirectory(async (parent) => {
    const float = mistral(parent);
    for (const directory of [await quantized(parent, float, 'w4-nbits'), await quantized(parent, float, 'w8a8-ort')]) {
      const [plain, joined] = [lowered(directory), lowered(directory)];
      joinProducts(joined.model.graph);
      const { nodes } = joined.model.graph;
      const attentions = nodes.filter(({ opType }) => opType === 'GroupQueryAttention');
      assert.is(attentions.length, plain.info.layers);
      for (const { inputs } of attentions) {
        assert.match(inputs[0]!.name, 'q_proj+k_proj+v_proj');
        assert.equal(inputs.slice(1, 3), [undefined, undefined]);
      }
      assert.is(nodes.filter(({ opType }) => opType === 'Split').length, plain.info.layers, 'of gate and up');
      assert.equal(outputsOf(joined), outputsOf(plain));
    }
  }));

test('large products, and those of forms that quern does not write, stay as they are', () =>
  withTemporaryDirectory(async (parent) => {
    const float = mistral(parent);
    const { graph } = lowered(await quantized(parent, float, 'w4-nbits')).model;
    const products = graph.nodes.filter(({ opType }) => opType === 'MatMulNBits');
    const [query] = products;
    const bias = graph.addInitializer('bias', float32Scalar(0));
    query!.setInput(5, bias);
    joinProducts(graph);
    const names = graph.nodes.map(({ name }) => name);
    assert.ok(names.includes(query!.name));
    assert.ok(names.includes('model.layers.0.self_attn.k_proj+v_proj'), 'the others are joined');

    const wide = lowered(float).model.graph;
    for (const { opType, inputs } of wide.nodes) {
      if (opType === 'MatMul') wide.setInitializer(inputs[1]!, zeroTensor('float32', 1024, 1024));
    }
    const before = wide.nodeCount;
    joinProducts(wide);
    assert.is(wide.nodeCount, before);
  }));

test.run();
