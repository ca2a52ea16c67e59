import { copyFileSync, existsSync, linkSync, lstatSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigReader } from '../checkpoints/config-reader.js';
import { QuernError } from '../errors.js';
import { readJsonObject } from '../files/json-file.js';
import type { JsonObject } from '../json.js';
import { isJsonObject } from '../json.js';
import type { ExternalPlace } from '../onnx/encode-tensor.js';
import type { Model } from '../onnx/model.js';
import { readModel } from '../onnx/read.js';
import type { Tensor } from '../onnx/tensor.js';
import type { ModelFiles, WriteLayout } from '../onnx/write.js';
import { usualModelFiles, writeModel } from '../onnx/write.js';
import type { ModelInfo } from './architecture.js';
import { checkCaches, readModelInfo } from './model-info.js';
import { removePositionInput } from './position-input.js';

const infoFile = 'quern.json';

/** Files that belong to a model besides its graph and come with it unchanged. */
const companionFiles = [
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'vocab.json',
  'merges.txt',
  'chat_template.jinja',
] as const;

export function isCompanionFile(name: string): boolean {
  return companionFiles.some((companion) => companion === name);
}

/** A model of quern in a directory: graph, facts, and the files that came with the checkpoint. */
export interface ModelDirectory {
  readonly directory: string;
  readonly model: Model;
  readonly info: ModelInfo;
  /** What was quantized and how, if anything was. */
  readonly quantization: JsonObject | undefined;
}

/** Opens a model artifact or an exported model. Weights are read when they are asked for. */
export function openModelDirectory(directory: string): ModelDirectory {
  const description = readDescription(join(directory, infoFile));
  const model = readModel(join(directory, description.modelFile));
  removePositionInput(model);
  checkCaches(model.graph, description.info, directory);
  return {
    directory,
    model,
    info: description.info,
    quantization: isJsonObject(description.quantization) ? description.quantization : undefined,
  };
}

interface Description {
  readonly info: ModelInfo;
  readonly quantization: unknown;
  readonly modelFile: string;
}

/** Model files that an export may have. */
const modelFilePattern = /^(onnx\/)?model\w{0,20}\.onnx$/;

function readDescription(path: string): Description {
  const description = existsSync(path) ? readJsonObject(path) : {};
  if (description.format !== 1 || !isJsonObject(description.model)) {
    throw new QuernError('input', `${path} is missing or does not describe a model`, {
      suggestion: 'the directory of a load, quantize or export stage is needed',
    });
  }
  const { quantization, file: modelFile = usualModelFiles.model } = description;
  if (typeof modelFile !== 'string' || !modelFilePattern.test(modelFile)) {
    throw new QuernError('input', `${path}: file is ${JSON.stringify(modelFile)}, which is not the file of a model`);
  }
  return { info: readModelInfo(new ConfigReader(description.model, path)), quantization, modelFile };
}

export interface WriteModelOptions {
  readonly layout: WriteLayout;
  /** `usualModelFiles` unless given. */
  readonly files?: ModelFiles;
  readonly info: ModelInfo;
  readonly quantization?: JsonObject | undefined;
  /** Paths of the companion files, which are hard linked where that is possible and `layout` is `per-tensor`, else copied. */
  readonly companions: readonly { readonly name: string; readonly path: string }[];
  /** Where in the directory tensors are already. */
  readonly written?: ReadonlyMap<Tensor, ExternalPlace>;
  /** Called after each tensor that is written; with the path of its file, if that is its own and complete. */
  readonly onTensor?: (path?: string) => void;
}

export function writeModelDirectory(model: Model, directory: string, options: WriteModelOptions): void {
  const { layout, files = usualModelFiles, written, onTensor } = options;
  writeModel(model, directory, { layout, files, ...(written && { written }), ...(onTensor && { onTensor }) });
  for (const { name, path } of options.companions) {
    const target = join(directory, name);
    if (options.layout === 'merged' || !tryLink(path, target)) copyFileSync(path, target);
  }
  const { info, quantization } = options;
  const description = {
    format: 1,
    ...(files.model === usualModelFiles.model ? {} : { file: files.model }),
    model: info,
    ...(quantization === undefined ? {} : { quantization }),
  };
  writeFileSync(join(directory, infoFile), `${JSON.stringify(description, null, 2)}\n`);
}

/** The companion files of a directory. */
export function companionsOf(directory: string): { readonly name: string; readonly path: string }[] {
  return readdirSync(directory)
    .filter(isCompanionFile)
    .map((name) => ({ name, path: join(directory, name) }));
}

/** The config.json that came with a model. */
export function readCompanionConfig(directory: string): JsonObject {
  return readJsonObject(join(directory, 'config.json'));
}

function tryLink(path: string, target: string): boolean {
  try {
    // A snapshot of the hub's cache consists of symbolic links, which would be linked themselves.
    if (lstatSync(path).isSymbolicLink()) return false;
    linkSync(path, target);
    return true;
  } catch {
    return false;
  }
}
