import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { QuernError } from '../../errors.js';
import type { Json } from '../../json.js';
import { readModel } from '../../onnx/read.js';
import type { FileChanges } from './files.js';
import { compareFiles } from './files.js';
import type { ChangedValue } from './json-values.js';
import { compareJson } from './json-values.js';
import type { ChangedLayer } from './layers.js';
import { compareLayers } from './layers.js';
import type { NodeChanges } from './nodes.js';
import { compareNodes } from './nodes.js';
import { modelTensors, safetensorsTensors } from './read-tensors.js';
import type { Side } from './side.js';
import type { TensorChanges } from './tensors.js';
import { compareTensors } from './tensors.js';

/** How two artifacts differ: their files and, of files that can be looked into, what is in them. */
export interface ArtifactChanges {
  readonly identical: boolean;
  readonly files: FileChanges;
  /** Files with tensors that were looked into: `model.onnx` and each changed safetensors file. */
  readonly tensorFiles: readonly TensorFileChanges[];
  /** Differing values of the JSON files that changed. */
  readonly values: readonly ChangedValue[];
}

export interface TensorFileChanges {
  readonly file: string;
  readonly tensors: TensorChanges;
  /** Only for models. */
  readonly nodes?: NodeChanges;
  /** Only for models with quantized layers that quern wrote. */
  readonly layers?: readonly ChangedLayer[];
}

const modelFile = 'model.onnx';
const largestJsonBytes = 64 * 1024 ** 2;

/** Compares two artifacts. A file that can't be read as what its name says counts as changed and is not looked into. */
export function compareArtifacts(before: Side, after: Side): ArtifactChanges {
  const files = compareFiles(before.files, after.files);
  const identical = files.added.length + files.removed.length + files.changed.length === 0;
  if (identical) return { identical, files, tensorFiles: [], values: [] };
  const changedPaths = new Set(files.changed.map(({ path }) => path));
  const unchanged = new Set(before.files.map(({ path }) => path).filter((path) => !changedPaths.has(path)));
  const hasModels = [before, after].every((side) => side.files.some(({ path }) => path === modelFile));
  const models = hasModels ? looked(() => compareModels(before, after, unchanged)) : undefined;
  const tables = files.changed
    .filter(({ path }) => path.endsWith('.safetensors'))
    .flatMap(({ path }) => looked(() => compareSafetensors(path, before, after)) ?? []);
  const values = files.changed
    .filter(
      ({ path, sizeBytesBefore, sizeBytesAfter }) =>
        path.endsWith('.json') && sizeBytesBefore + sizeBytesAfter < largestJsonBytes,
    )
    .flatMap(({ path }) => looked(() => compareJson(path, readJson(before, path), readJson(after, path))) ?? []);
  return { identical, files, tensorFiles: [...(models === undefined ? [] : [models]), ...tables], values };
}

function compareModels(before: Side, after: Side, unchangedFiles: ReadonlySet<string>): TensorFileChanges {
  const beforeModel = readModel(join(before.directory, modelFile));
  const afterModel = readModel(join(after.directory, modelFile));
  const tensors = compareTensors(
    modelTensors(beforeModel, before.directory),
    modelTensors(afterModel, after.directory),
    unchangedFiles,
  );
  const layers = looked(() => compareLayers(beforeModel.graph, afterModel.graph)) ?? [];
  const nodes = compareNodes(beforeModel.graph, afterModel.graph);
  return { file: modelFile, tensors, nodes, ...(layers.length === 0 ? {} : { layers }) };
}

function compareSafetensors(file: string, before: Side, after: Side): TensorFileChanges {
  const tensors = compareTensors(
    safetensorsTensors(before.directory, file),
    safetensorsTensors(after.directory, file),
    new Set(),
  );
  return { file, tensors };
}

function readJson({ directory }: Side, file: string): Json {
  return JSON.parse(readFileSync(join(directory, file), 'utf8'));
}

/** Artifacts of one's own kinds may use these names for files of another form. */
function looked<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (error instanceof QuernError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
