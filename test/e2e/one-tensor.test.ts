import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { writeTinyOpt } from '../support/tiny-opt.js';
import { statuses, withProject } from './support/project.js';

const changedTensor = 'model.decoder.layers.1.fc1.weight';

interface ModelDiff {
  readonly files: { readonly changed: readonly { readonly path: string }[] };
  readonly tensorFiles: readonly {
    readonly nodes: { readonly changed: readonly unknown[] };
    readonly tensors: {
      readonly changed: readonly {
        readonly name: string;
        readonly distance: { readonly differingElements: number; readonly maxAbs: number };
      }[];
    };
  }[];
}

test('a model of which one tensor changed shares the rest with the one before, and diff names the tensor', () =>
  withProject(async (project) => {
    const checkpoint = join(project.directory, 'model');
    writeTinyOpt(checkpoint);
    project.write('recipe.yaml', 'quern: 1\nstages:\n  float: { kind: load, source: ./model }\n');
    const before = await project.build('recipe.yaml');
    writeTinyOpt(checkpoint, {
      change: (tensor) => {
        if (tensor.name !== changedTensor || !(tensor.data instanceof Float32Array)) return tensor;
        const data = Float32Array.from(tensor.data);
        data[7] = (data[7] ?? 0) + 0.25;
        return { ...tensor, data };
      },
    });
    const after = await project.build('recipe.yaml');
    assert.equal(statuses(after), { float: 'built' });
    const diff = await project.json<ModelDiff>('diff', before.stages[0]?.digest ?? '', 'recipe.yaml:float');
    assert.is(diff.files.changed.length, 1);
    const [model] = diff.tensorFiles;
    assert.equal(model?.nodes.changed, []);
    assert.is(model?.tensors.changed.length, 1);
    const [tensor] = model?.tensors.changed ?? [];
    assert.match(tensor?.name ?? '', /layers\.1\.fc1\.weight/);
    assert.is(tensor?.distance.differingElements, 1);
    assert.ok(Math.abs((tensor?.distance.maxAbs ?? 0) - 0.25) < 1e-6);
    const text = await project.quern('diff', before.stages[0]?.digest ?? '', 'recipe.yaml:float');
    assert.match(
      text.stdout,
      /tensor .*layers\.1\.fc1\.weight float32\[\d+,\d+\]: 1 of \d+ elements, at most 0\.25, relative/,
    );
  }));

test.run();
