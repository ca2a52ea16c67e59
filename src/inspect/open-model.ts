import { existsSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { elementCount } from '../checkpoints/checkpoint.js';
import {
  companionsOfGraph,
  findOnnx,
  findWeightFiles,
  isGgufName,
  isOnnxName,
  placeOfGraph,
  type WeightFiles,
} from '../checkpoints/checkpoint-files.js';
import { openWeightFile } from '../checkpoints/open-checkpoint.js';
import { type CheckpointFile, configName, openSource } from '../checkpoints/open-source.js';
import { QuernError } from '../errors.js';
import { namesInside } from '../files/names-inside.js';
import type { ModelInfo } from '../models/architecture.js';
import { isGraphConfig } from '../models/import/facts.js';
import { importModel } from '../models/import/import-model.js';
import { openModelDirectory } from '../models/model-directory.js';
import { architectureOf } from '../models/registry.js';
import type { Model } from '../onnx/model.js';
import { readModel } from '../onnx/read.js';
import { openEngine } from '../ort/open-engine.js';
import { attempt } from './attempt.js';
import { type LayerErrors, readLayerErrors } from './layer-errors.js';

/** The tensors of one data type. */
export interface TensorSummary {
  readonly dataType: string;
  readonly tensors: number;
  readonly elements: number;
  readonly bytes: number;
}

export interface OpenedModel {
  readonly tensors: readonly TensorSummary[];
  readonly tokenizer: string | null;
  /** Missing when the architecture is not supported; `unsupported` says why. */
  readonly model?: Model;
  readonly info?: ModelInfo;
  /** Of quantized layers, by their names. */
  readonly errors?: ReadonlyMap<string, LayerErrors>;
  readonly unsupported: readonly string[];
}

const tokenizerFiles: readonly string[] = ['tokenizer.json', 'tokenizer.model', 'vocab.json', 'merges.txt'];

/** Opens what is at a path: a model that quern wrote, a checkpoint, or one file of it. */
export async function openModel(path: string): Promise<OpenedModel> {
  if (!existsSync(path)) throw new QuernError('usage', `${path} does not exist`);
  if (!statSync(path).isDirectory()) return openFile(path);
  const names = namesInside(path);
  if (names.includes('quern.json')) return openWritten(path, names);
  const weights = findWeightFiles(names, 'auto');
  if (weights === undefined) {
    throw new QuernError('input', `${path} has no weights`, {
      suggestion:
        'a checkpoint in the layout of Hugging Face transformers, a GGUF file, an ONNX graph or a model of quern is needed',
    });
  }
  if (weights.format === 'onnx') return openExported(path, names, weights);
  const wanted = names.filter((name) => name === configName || weights.names.includes(name));
  const files = wanted.map((name) => ({ name, path: join(path, name) }));
  return openCheckpointFiles(path, files, tokenizerOf(names));
}

async function openFile(path: string): Promise<OpenedModel> {
  if (isGgufName(path)) return openCheckpointFiles(path, [{ name: basename(path), path }]);
  if (isOnnxName(path)) {
    const { directory, graph } = placeOfGraph(path);
    const names = namesInside(directory);
    const found = findOnnx(names, graph);
    if (found !== undefined) return openExported(directory, names, found);
  }
  const checkpoint = openWeightFile(path);
  if (checkpoint === undefined) {
    throw new QuernError('usage', `${path} is not a file with weights`, {
      suggestion: 'name a directory, or a file that ends in .safetensors, .bin, .pt, .pth, .gguf or .onnx',
    });
  }
  const reason = 'the architecture of weights alone is not known: name the directory that has their config.json';
  return { tensors: summarise(checkpoint.tensors.values()), tokenizer: null, unsupported: [reason] };
}

function tokenizerOf(names: readonly string[]): string | null {
  const found = tokenizerFiles.filter((name) => names.includes(name));
  return found.length === 0 ? null : found.join(', ');
}

function openCheckpointFiles(
  where: string,
  files: readonly CheckpointFile[],
  tokenizerInFiles: string | null = null,
): OpenedModel {
  const { config, checkpoint, tokenizer } = openSource(files, where);
  const tensors = summarise(checkpoint.tensors.values());
  const inGguf = tokenizer === undefined ? null : `GGUF (${tokenizer.model}, ${tokenizer.tokens.length} tokens)`;
  const found = { tensors, tokenizer: tokenizerInFiles ?? inGguf };
  const built = attempt(() => architectureOf(config).build(config, checkpoint, {}));
  // A model that can't be built can still be looked at.
  return 'reason' in built ? { ...found, unsupported: [built.reason] } : { ...found, ...built.value, unsupported: [] };
}

/** Imports an exported graph, for which it is run on a few tokens. */
async function openExported(directory: string, names: readonly string[], weights: WeightFiles): Promise<OpenedModel> {
  const graphPath = join(directory, weights.main);
  const { graph } = readModel(graphPath);
  const tensors = [...graph.initializers.values()].flatMap(({ initializer }) => initializer ?? []);
  const isCompanion = (name: string): boolean => isGraphConfig(name) || tokenizerFiles.includes(name);
  const companions = companionsOfGraph(names, weights.main, isCompanion);
  const found = { tensors: summarise(tensors), tokenizer: tokenizerOf(companions.map((name) => basename(name))) };
  const files = [...companions, ...weights.names].map((name) => ({
    name: basename(name),
    path: join(directory, name),
  }));
  const engine = await openEngine({ threads: 1 });
  try {
    const imported = attempt(() => importModel(engine, files, graphPath));
    if ('reason' in imported) return { ...found, unsupported: [imported.reason] };
    const { model, info } = imported.value;
    return { ...found, model, info, unsupported: [] };
  } finally {
    engine.close();
  }
}

function openWritten(path: string, names: readonly string[]): OpenedModel {
  const { model, info } = openModelDirectory(path);
  const tensors = [...model.graph.initializers.values()].flatMap(({ initializer }) => initializer ?? []);
  const errors = readLayerErrors(path);
  return { tensors: summarise(tensors), tokenizer: tokenizerOf(names), model, info, errors, unsupported: [] };
}

interface Counted {
  readonly dataType: string;
  readonly dims: readonly number[];
  readonly byteLength: number;
}

/** By data type, the one with the most bytes first. */
function summarise(tensors: Iterable<Counted>): readonly TensorSummary[] {
  const summaries = new Map<string, TensorSummary>();
  for (const { dataType, dims, byteLength } of tensors) {
    const before = summaries.get(dataType) ?? { dataType, tensors: 0, elements: 0, bytes: 0 };
    summaries.set(dataType, {
      dataType,
      tensors: before.tensors + 1,
      elements: before.elements + (elementCount(dims) ?? 0),
      bytes: before.bytes + byteLength,
    });
  }
  return [...summaries.values()].sort((a, b) => b.bytes - a.bytes);
}
