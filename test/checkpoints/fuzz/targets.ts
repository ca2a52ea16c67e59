import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { elementCount } from '../../../src/checkpoints/checkpoint.js';
import { readModelConfig } from '../../../src/checkpoints/config.js';
import { openGgufModel } from '../../../src/checkpoints/gguf-model.js';
import { openCheckpoint } from '../../../src/checkpoints/open-checkpoint.js';
import { writeSafetensors } from '../../../src/checkpoints/safetensors-writer.js';
import { readTensorFloat32 } from '../../../src/checkpoints/tensor-data.js';
import { QuernError } from '../../../src/errors.js';
import { importModel } from '../../../src/models/import/import-model.js';
import { architectureOf } from '../../../src/models/registry.js';
import { readModel } from '../../../src/onnx/read.js';
import { writeModel } from '../../../src/onnx/write.js';
import type { Engine } from '../../../src/ort/engine.js';
import { openTokenizer } from '../../../src/text/tokenizer.js';
import { writeExported } from '../../models/import/exported-golden.js';
import { sampleModel } from '../../onnx/sample-model.js';
import { writeTinyOpt } from '../../support/tiny-opt.js';
import { ggufBytes } from '../hostile-files.js';
import { tinyGgufMetadata, tinyGgufTensors } from '../tiny-gguf.js';

/** A reader, good files in a directory, and which of them are made hostile. */
export interface Target {
  readonly name: string;
  readonly directory: string;
  readonly files: readonly string[];
  /** Reads all there is to read. May throw a QuernError and nothing else. */
  read(): void;
}

const golden = join(import.meta.dirname, '../golden');

/** Opens the files as a checkpoint and reads every tensor: as many values as it says it has, or a QuernError. */
function readCheckpoint(paths: readonly string[]): void {
  for (const tensor of openCheckpoint(paths).tensors.values()) {
    try {
      const values = readTensorFloat32(tensor);
      if (values.length !== elementCount(tensor.dims)) throw new Error(`${tensor.name} has ${values.length} values`);
    } catch (error) {
      if (!(error instanceof QuernError)) throw error;
    }
  }
}

function checkpointTarget(directory: string, name: string, files: readonly string[]): Target {
  return { name, directory, files, read: () => readCheckpoint(files.map((file) => join(directory, file))) };
}

function safetensorsTargets(directory: string): Target[] {
  const single = join(directory, 'safetensors');
  const sharded = join(directory, 'safetensors-sharded');
  for (const each of [single, sharded]) mkdirSync(each);
  const half = { name: 'half', dataType: 'float16' as const, dims: [2, 3], data: new Uint16Array(6) };
  const float = { name: 'float', dataType: 'float32' as const, dims: [4], data: new Float32Array(4) };
  writeSafetensors(join(single, 'model.safetensors'), [half, float], new Map([['format', 'pt']]));
  const shards = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'] as const;
  writeSafetensors(join(sharded, shards[0]), [half]);
  writeSafetensors(join(sharded, shards[1]), [float]);
  const index = 'model.safetensors.index.json';
  const map = { metadata: { total_size: 28 }, weight_map: { half: shards[0], float: shards[1] } };
  writeFileSync(join(sharded, index), JSON.stringify(map));
  return [
    checkpointTarget(single, 'safetensors', ['model.safetensors']),
    checkpointTarget(sharded, 'safetensors with an index', [index, index, ...shards]),
  ];
}

function torchTargets(directory: string): Target[] {
  return ['zip', 'legacy', 'trainer', 'evil'].map((name) => {
    const own = join(directory, `torch-${name}`);
    mkdirSync(own);
    copyFileSync(join(golden, `${name}.bin`), join(own, 'pytorch_model.bin'));
    return checkpointTarget(own, `torch, ${name}`, ['pytorch_model.bin']);
  });
}

function ggufTarget(directory: string): Target {
  const own = join(directory, 'gguf');
  mkdirSync(own);
  const path = join(own, 'model.gguf');
  writeFileSync(path, ggufBytes(tinyGgufMetadata, tinyGgufTensors()));
  const read = (): void => {
    openGgufModel(path);
    readCheckpoint([path]);
  };
  return { name: 'GGUF', directory: own, files: ['model.gguf'], read };
}

function onnxTarget(directory: string): Target {
  const own = join(directory, 'onnx');
  writeModel(sampleModel(), own, { layout: 'per-tensor' });
  const read = (): void => {
    for (const { initializer } of readModel(join(own, 'model.onnx')).graph.initializers.values()) initializer?.bytes();
  };
  return { name: 'ONNX', directory: own, files: ['model.onnx'], read };
}

/** An exported graph that is run and written anew; what ONNX Runtime refuses is refused. */
function importTarget(directory: string, engine: Engine): Target {
  const own = writeExported(join(directory, 'exported'), 'llama-past');
  const read = (): void => {
    const files = ['model.onnx', 'weights.data', 'config.json'].map((name) => ({ name, path: join(own, name) }));
    importModel(engine, files, join(own, 'model.onnx'));
  };
  return { name: 'exported graph', directory: own, files: ['model.onnx', 'model.onnx', 'config.json'], read };
}

/** The configuration of a model that is then built from good weights, though its weights are not read. */
function configTarget(directory: string): Target {
  const own = writeTinyOpt(join(directory, 'config'));
  const weights = join(own, 'model.safetensors');
  const read = (): void => {
    const config = readModelConfig(join(own, 'config.json'));
    architectureOf(config).build(config, openCheckpoint([weights]), {});
  };
  return { name: 'config.json', directory: own, files: ['config.json'], read };
}

const tinyTokenizer = {
  version: '1.0',
  added_tokens: [
    { id: 5, content: '</s>', single_word: false, lstrip: false, rstrip: false, normalized: false, special: true },
  ],
  normalizer: null,
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
  post_processor: {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: '</s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [{ Sequence: { id: 'A', type_id: 0 } }],
    special_tokens: { '</s>': { id: '</s>', ids: [5], tokens: ['</s>'] } },
  },
  decoder: { type: 'ByteLevel' },
  model: { type: 'BPE', unk_token: null, vocab: { a: 0, b: 1, ab: 2, Ġ: 3, Ġa: 4 }, merges: ['a b', 'Ġ a'] },
};

function tokenizerTarget(directory: string): Target {
  const own = join(directory, 'tokenizer');
  mkdirSync(own);
  const [tokenizerJson, tokenizerConfig] = [join(own, 'tokenizer.json'), join(own, 'tokenizer_config.json')];
  writeFileSync(tokenizerJson, JSON.stringify(tinyTokenizer));
  writeFileSync(
    tokenizerConfig,
    JSON.stringify({ bos_token: '</s>', eos_token: { content: '</s>' }, add_bos_token: true }),
  );
  const read = (): void => {
    const tokenizer = openTokenizer({ tokenizerJson, tokenizerConfig });
    tokenizer.decode(tokenizer.encode('ab a', { special: true }));
  };
  const files = ['tokenizer.json', 'tokenizer.json', 'tokenizer_config.json'];
  return { name: 'tokenizer', directory: own, files, read };
}

/** Every reader of files from outside, with good files for it in `directory`. */
export function makeTargets(directory: string, engine: Engine): Target[] {
  return [
    ...safetensorsTargets(directory),
    ...torchTargets(directory),
    ggufTarget(directory),
    onnxTarget(directory),
    importTarget(directory, engine),
    configTarget(directory),
    tokenizerTarget(directory),
  ];
}
