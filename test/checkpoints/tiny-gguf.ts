import { type GgufTensorToWrite, type GgufValueToWrite, ggufValues } from './hostile-files.js';

/** A Llama of one layer with 2 heads of 8, one of them for keys and values. */
export const tinyGgufMetadata: { readonly [key: string]: GgufValueToWrite } = {
  'general.architecture': ggufValues.text('llama'),
  'general.name': ggufValues.text('tiny'),
  'llama.block_count': ggufValues.uint32(1),
  'llama.context_length': ggufValues.uint64(64n),
  'llama.embedding_length': ggufValues.uint32(16),
  'llama.feed_forward_length': ggufValues.uint32(24),
  'llama.attention.head_count': ggufValues.uint32(2),
  'llama.attention.head_count_kv': ggufValues.uint32(1),
  'llama.attention.layer_norm_rms_epsilon': ggufValues.float32(1e-5),
  'llama.rope.dimension_count': ggufValues.uint32(8),
  'llama.vocab_size': ggufValues.uint32(32),
  'tokenizer.ggml.model': ggufValues.text('gpt2'),
  'tokenizer.ggml.tokens': ggufValues.texts(['a', 'b']),
  'tokenizer.ggml.token_type': ggufValues.integers([1, 3]),
  'tokenizer.ggml.merges': ggufValues.texts([]),
  'tokenizer.ggml.bos_token_id': ggufValues.uint32(1),
  'tokenizer.ggml.add_bos_token': ggufValues.bool(true),
};

/** Its tensors: the first column of a matrix is the number of its row, the rest is zero. */
export function tinyGgufTensors(): GgufTensorToWrite[] {
  const matrix = (name: string, rows: number, columns: number): GgufTensorToWrite => {
    const values = Float32Array.from({ length: rows * columns }, (_, index) =>
      index % columns === 0 ? index / columns : 0,
    );
    return { name: `${name}.weight`, dims: [rows, columns], data: new Uint8Array(values.buffer) };
  };
  const norm = (name: string): GgufTensorToWrite => {
    return { name: `${name}.weight`, dims: [16], data: new Uint8Array(new Float32Array(16).fill(1).buffer) };
  };
  return [
    matrix('token_embd', 32, 16),
    norm('output_norm'),
    norm('blk.0.attn_norm'),
    matrix('blk.0.attn_q', 16, 16),
    matrix('blk.0.attn_k', 8, 16),
    matrix('blk.0.attn_v', 8, 16),
    matrix('blk.0.attn_output', 16, 16),
    norm('blk.0.ffn_norm'),
    matrix('blk.0.ffn_gate', 24, 16),
    matrix('blk.0.ffn_up', 24, 16),
    matrix('blk.0.ffn_down', 16, 24),
  ];
}
