import { copyFileSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { QuernError } from '../../../src/errors.js';
import { readModel } from '../../../src/onnx/read.js';
import { tensorFrom } from '../../../src/onnx/tensor.js';
import { writeModel } from '../../../src/onnx/write.js';
import { loadModel } from '../../../src/stages/load/work.js';
import { writeExported } from '../../models/import/exported-golden.js';
import { loadCheckpoint, workPlace } from '../../support/loaded-model.js';
import { sourceFiles } from '../../support/source-files.js';
import { withTemporaryDirectory } from '../../support/temporary.js';

/** The files of a model, by name. */
function contentOf(directory: string): { readonly [name: string]: string } {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) => name !== 'weights');
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(directory, name)).toString('base64')]));
}

async function rejected(work: Promise<unknown>, message: RegExp): Promise<void> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.instance(error, QuernError);
  assert.match(String(error), message);
}

test('a graph with its weights inside gives the same model as one with external data', () =>
  withTemporaryDirectory(async (parent) => {
    const [outside, inside] = [writeExported(join(parent, 'outside'), 'llama-past'), join(parent, 'inside')];
    writeModel(readModel(join(outside, 'model.onnx')), inside, { layout: 'merged', externalFromBytes: 2 ** 30 });
    copyFileSync(join(outside, 'config.json'), join(inside, 'config.json'));
    const models = await Promise.all(
      [outside, inside].map((source) => loadCheckpoint(source, join(parent, `of-${source === inside}`))),
    );
    assert.equal(contentOf(models[1] ?? ''), contentOf(models[0] ?? ''));
    assert.ok(existsSync(join(models[0] ?? '', 'weights/lm_head.weight')));
  }));

/** An exported model with its configuration outside its folder and its data in a folder of its own. */
function writeRepository(parent: string, exported: string): string {
  const source = join(parent, 'repository');
  const graph = readModel(join(exported, 'model.onnx'));
  writeModel(graph, join(source, 'onnx'), { layout: 'per-tensor', externalFromBytes: 1024 });
  copyFileSync(join(exported, 'config.json'), join(source, 'config.json'));
  return source;
}

test('a graph in the folder onnx with data in a folder gives the same model', () =>
  withTemporaryDirectory(async (parent) => {
    const exported = writeExported(join(parent, 'exported'), 'opt');
    const expected = await loadCheckpoint(exported, join(parent, 'expected'));
    const model = await loadCheckpoint(writeRepository(parent, exported), join(parent, 'model'));
    assert.equal(contentOf(model), contentOf(expected));
  }));

test('data files that are not part of the key are refused', () =>
  withTemporaryDirectory(async (parent) => {
    const source = writeRepository(parent, writeExported(join(parent, 'exported'), 'opt'));
    const files = sourceFiles(source).filter(({ name }) => !name.includes('weights/'));
    const work = { parameters: { source }, ...workPlace(join(parent, 'model')), sources: { source: files } };
    await rejected(loadModel(work), /which is not one of the files that are read/);
  }));

test('a graph with an operator that is not known is refused by its name', () =>
  withTemporaryDirectory(async (parent) => {
    const exported = writeExported(join(parent, 'exported'), 'opt');
    const model = readModel(join(exported, 'model.onnx'));
    const { graph } = model;
    const relu = graph.nodes.find(({ opType }) => opType === 'Relu');
    assert.ok(relu !== undefined);
    const sum = graph.addNode({
      opType: 'CumSum',
      name: 'running_sum',
      inputs: [relu.requireInput(0), graph.addInitializer('axis', tensorFrom('int32', [], Int32Array.of(1)))],
      outputs: 1,
      before: relu,
    });
    relu.setInput(0, sum.output);
    const changed = join(parent, 'changed');
    writeModel(model, changed, { layout: 'merged', externalFromBytes: 2 ** 30 });
    copyFileSync(join(exported, 'config.json'), join(changed, 'config.json'));
    await rejected(
      loadCheckpoint(changed, join(parent, 'model')),
      /the operator CumSum \(running_sum\) has a use .* not understood/,
    );
  }));

test.run();
