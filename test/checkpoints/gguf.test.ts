import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openGguf } from '../../src/checkpoints/gguf.js';
import { type GgufModel, openGgufModel } from '../../src/checkpoints/gguf-model.js';
import { ggufTokenizer } from '../../src/checkpoints/gguf-tokenizer.js';
import { readTensorFloat32 } from '../../src/checkpoints/tensor-data.js';
import { sha256 } from '../../src/json.js';
import { withTemporaryDirectory } from '../support/temporary.js';
import {
  type GgufLies,
  type GgufTensorToWrite,
  type GgufValueToWrite,
  ggufBytes,
  ggufValues,
} from './hostile-files.js';
import { inputError } from './support.js';
import { tinyGgufMetadata, tinyGgufTensors } from './tiny-gguf.js';

type Metadata = { readonly [key: string]: GgufValueToWrite };

async function withGguf<T>(bytes: Uint8Array, use: (path: string) => T): Promise<T> {
  let result: T | undefined;
  await withTemporaryDirectory(async (directory) => {
    const path = join(directory, 'model.gguf');
    writeFileSync(path, bytes);
    result = use(path);
  });
  return result as T;
}

function openModel(
  metadata: Metadata = {},
  tensors: readonly GgufTensorToWrite[] = tinyGgufTensors(),
): Promise<GgufModel> {
  return withGguf(ggufBytes({ ...tinyGgufMetadata, ...metadata }, tensors), openGgufModel);
}

function modelError(metadata: Metadata, tensors?: readonly GgufTensorToWrite[]): Promise<string> {
  const bytes = ggufBytes({ ...tinyGgufMetadata, ...metadata }, tensors ?? tinyGgufTensors());
  return withGguf(bytes, (path) => inputError(() => openGgufModel(path)).message);
}

test('metadata say what config.json would say', async () => {
  const { config, configJson } = await openModel();
  assert.is(config.architecture, 'LlamaForCausalLM');
  assert.equal(configJson, {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_size: 16,
    intermediate_size: 24,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    head_dim: 8,
    hidden_act: 'silu',
    max_position_embeddings: 64,
    rms_norm_eps: 1e-5,
    rope_theta: 10_000,
    tie_word_embeddings: true,
    vocab_size: 32,
    attention_bias: false,
    mlp_bias: false,
    bos_token_id: 1,
  });
});

test('tensors have the names of transformers', async () => {
  const { checkpoint } = await openModel();
  assert.equal([...checkpoint.tensors.keys()].sort(), [
    'model.embed_tokens.weight',
    'model.layers.0.input_layernorm.weight',
    'model.layers.0.mlp.down_proj.weight',
    'model.layers.0.mlp.gate_proj.weight',
    'model.layers.0.mlp.up_proj.weight',
    'model.layers.0.post_attention_layernorm.weight',
    'model.layers.0.self_attn.k_proj.weight',
    'model.layers.0.self_attn.o_proj.weight',
    'model.layers.0.self_attn.q_proj.weight',
    'model.layers.0.self_attn.v_proj.weight',
    'model.norm.weight',
  ]);
});

test('the rows of q and k come back in the order that transformers has', () =>
  withGguf(ggufBytes(tinyGgufMetadata, tinyGgufTensors()), (path) => {
    const { tensors } = openGgufModel(path).checkpoint;
    const firstColumn = (name: string): number[] => {
      const tensor = tensors.get(`model.layers.0.self_attn.${name}.weight`);
      if (tensor === undefined) throw new Error(`no tensor ${name}`);
      const values = readTensorFloat32(tensor);
      return Array.from({ length: tensor.dims[0] ?? 0 }, (_, row) => values[row * 16] ?? -1);
    };
    assert.equal(firstColumn('q_proj'), [0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15]);
    assert.equal(firstColumn('k_proj'), [0, 2, 4, 6, 1, 3, 5, 7]);
    assert.equal(firstColumn('v_proj'), [0, 1, 2, 3, 4, 5, 6, 7]);
  }));

test('qwen2 keeps the order of its rows and has an output of its own', async () => {
  const metadata = Object.fromEntries(
    Object.entries(tinyGgufMetadata).map(([key, value]) => [key.replace('llama.', 'qwen2.'), value]),
  );
  const output = { name: 'output.weight', dims: [32, 16], data: new Uint8Array(32 * 16 * 4) };
  const bytes = ggufBytes({ ...metadata, 'general.architecture': ggufValues.text('qwen2') }, [
    ...tinyGgufTensors(),
    output,
  ]);
  const { configJson, checkpoint } = await withGguf(bytes, openGgufModel);
  assert.is(configJson.tie_word_embeddings, false);
  assert.is(configJson.attention_bias, undefined);
  assert.ok(checkpoint.tensors.has('lm_head.weight'));
  assert.is(checkpoint.tensors.get('model.layers.0.self_attn.q_proj.weight')?.view, undefined);
});

test('the frequencies of Llama 3 become its rope_scaling, others are refused', async () => {
  // What _compute_llama3_parameters of transformers divides by: theta 10^12, heads of 8, factor 8.
  const divisors = (...values: number[]): GgufTensorToWrite => {
    return { name: 'rope_freqs.weight', dims: [4], data: new Uint8Array(Float32Array.from(values).buffer) };
  };
  const slow = Array.from({ length: 4 }, () => 8);
  const theta = { 'llama.rope.freq_base': ggufValues.float32(1e12) };
  const { configJson } = await openModel(theta, [...tinyGgufTensors(), divisors(1, 4.6814826, 8, 8)]);
  assert.equal(configJson.rope_scaling, {
    rope_type: 'llama3',
    factor: 8,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 8192,
  });
  assert.match(
    await modelError({}, [...tinyGgufTensors(), divisors(...slow)]),
    /other frequencies than those of Llama 3/,
  );
});

const refusedModels: readonly (readonly [what: string, metadata: Metadata, message: RegExp])[] = [
  ['another architecture', { 'general.architecture': ggufValues.text('mamba') }, /"mamba" is not supported in GGUF/],
  ['experts', { 'llama.expert_count': ggufValues.uint32(8) }, /llama\.expert_count 8 is not supported/],
  ['a field nobody knows', { 'llama.new_trick': ggufValues.uint32(1) }, /llama\.new_trick is not supported/],
  ['yarn', { 'llama.rope.scaling.type': ggufValues.text('yarn') }, /llama\.rope\.scaling\.type is yarn/],
  ['partial rotation', { 'llama.rope.dimension_count': ggufValues.uint32(4) }, /dimension_count 4 is not supported/],
  ['heads layer by layer', { 'llama.attention.head_count': ggufValues.integers([2, 2]) }, /must be a positive integer/],
  ['half a model', { 'split.count': ggufValues.uint32(2) }, /is one of 2 parts of a model/],
  ['an alignment of 3', { 'general.alignment': ggufValues.uint32(3) }, /general\.alignment is not a power of two/],
  ['an alignment of 2^63', { 'general.alignment': ggufValues.uint64(2n ** 63n) }, /general\.alignment is not/],
  [
    'a token that is not there',
    { 'tokenizer.ggml.eos_token_id': ggufValues.uint32(9) },
    /the id of one of its 2 tokens/,
  ],
  ['scores for other tokens', { 'tokenizer.ggml.scores': ggufValues.floats([1]) }, /has 1 values for 2 tokens/],
];

for (const [what, metadata, message] of refusedModels) {
  test(`refused model: ${what}`, async () => {
    assert.match(await modelError(metadata), message);
  });
}

test('a tensor that the architecture may not have is refused', async () => {
  const extra = { name: 'blk.0.attn_sinks.weight', dims: [2], data: new Uint8Array(8) };
  assert.match(
    await modelError({}, [...tinyGgufTensors(), extra]),
    /tensor "blk\.0\.attn_sinks\.weight" is not supported/,
  );
});

const one: GgufTensorToWrite = { name: 'w', dims: [2, 32], data: new Uint8Array(256) };

const refusedFiles: readonly (readonly [what: string, tensor: Partial<GgufTensorToWrite>, lies: GgufLies, RegExp])[] = [
  ['version 1', {}, { version: 1 }, /is of version 1 of the format/],
  ['big-endian', {}, { version: 0x0300_0000 }, /is of version 50331648 of the format/],
  ['tensors without end', {}, { tensorCount: 2n ** 62n }, /has 4611686018427387904 tensors/],
  ['values without end', {}, { valueCount: 2n ** 62n }, /has 4611686018427387904 values/],
  ['one tensor too many', {}, { tensorCount: 2n }, /has a tensor without a name/],
  ['a tensor beyond the file', {}, { shift: 32n }, /takes 256 bytes at 32 of the data, more than/],
  ['a tensor at 2^64 - 32', {}, { shift: 2n ** 64n - 32n }, /of the data, more than the file has/],
  ['more elements than there are', { dims: [2 ** 20, 2 ** 20] }, {}, /more than the file has/],
  ['a size that can not be counted', { dims: [2n ** 63n, 2n ** 63n] }, {}, /has the impossible shape/],
  ['five dimensions', { dims: [1, 1, 1, 1, 1] }, {}, /"w" of 5 dimensions/],
  ['blocks across rows', { dims: [4, 16], type: 2 }, {}, /impossible shape \[4,16\] for q4_0/],
  ['a type nobody reads', { type: 16 }, {}, /"w" is of type IQ2_XXS, which is not supported/],
  ['a type nobody knows', { type: 99 }, {}, /"w" is of type 99, which is not supported/],
];

for (const [what, tensor, lies, message] of refusedFiles) {
  test(`refused file: ${what}`, () =>
    withGguf(ggufBytes({}, [{ ...one, ...tensor }], lies), (path) => {
      assert.match(inputError(() => openGguf(path)).message, message);
    }));
}

test('files that are something else are named as such', async () => {
  const messageOf = (text: string): Promise<string> =>
    withGguf(Buffer.from(text), (path) => inputError(() => openGguf(path)).message);
  assert.match(await messageOf(''), /is no GGUF file/);
  assert.match(await messageOf('version https://git-lfs.github.com/spec/v1'), /is a Git LFS pointer/);
  assert.match(await messageOf('GGUF'), /ends too early/);
});

test('lists in the metadata are not believed to be longer than the file', async () => {
  const messageOf = (itemType: number, count: bigint): Promise<string> => {
    const bytes = Buffer.alloc(12);
    bytes.writeUInt32LE(itemType);
    bytes.writeBigUInt64LE(count, 4);
    return withGguf(ggufBytes({ a: { type: 9, bytes } }, [one]), (path) => inputError(() => openGguf(path)).message);
  };
  assert.match(await messageOf(8, 2n ** 60n), /a list of 1152921504606846976 texts/);
  assert.match(await messageOf(12, 2n ** 61n), /18446744073709551616 bytes are needed/);
  assert.match(await messageOf(9, 1n), /a list of the unknown type 9/);
});

function findSmollm2(): string | undefined {
  const named = process.env.QUERN_SMOLLM2;
  if (named !== undefined) return named;
  const directory = join(import.meta.dirname, '../../recipes/models/smollm2-135m');
  const file = existsSync(directory) ? readdirSync(directory).find((name) => name.endsWith('.gguf')) : undefined;
  return file === undefined ? undefined : join(directory, file);
}

const smollm2 = findSmollm2();
if (smollm2 === undefined) {
  console.log('SKIP SmolLM2 from GGUF: run scripts/fetch-smollm2.sh or set QUERN_SMOLLM2 to the file');
} else {
  test('SmolLM2-135M has the values that gguf-py 0.19.0 reads from it', () => {
    const file = openGguf(smollm2);
    const digests = [...file.tensors.values()].map((tensor) =>
      sha256(new Uint8Array(readTensorFloat32(tensor).buffer)),
    );
    assert.is(sha256(digests.join('\n')), 'e9d0a5fa475d5f36ff74a6e0005695eb0a8ff89489b1109f1381954796cd75e8');
    const { checkpoint, configJson } = openGgufModel(smollm2);
    const counts = [...checkpoint.tensors.values()].map(({ dims }) => dims.reduce((product, dim) => product * dim, 1));
    assert.is(
      counts.reduce((sum, count) => sum + count, 0),
      134_515_008,
    );
    assert.is(configJson.tie_word_embeddings, true);
    const tokenizer = ggufTokenizer(file);
    assert.is(tokenizer?.pre, 'smollm');
    assert.is(tokenizer?.tokens.length, 49_152);
    assert.is(tokenizer?.merges?.length, 48_900);
    assert.is(tokenizer?.addBosToken, false);
  });
}

test.run();
