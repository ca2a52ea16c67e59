import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { transposeColumns } from '../../../src/numerics/transpose.js';
import { type Golden, readGolden } from '../golden-models.js';
import { goldenTensor } from '../golden-weights.js';

const directory = join(import.meta.dirname, 'golden');

interface StoredWeight {
  readonly tensor: string;
  readonly transposed: boolean;
  readonly offset: number;
  readonly dims: readonly number[];
}

/** A golden model as an exporter wrote it (golden/make.py). */
export interface ExportedGolden {
  readonly name: string;
  /** The model that was exported. */
  readonly golden: Golden;
  /** Whether the graph has caches. */
  readonly hasCache: boolean;
  readonly isGenai: boolean;
}

interface Description {
  readonly golden: string;
  readonly kind: string;
  readonly genai?: object;
  readonly weights: readonly StoredWeight[];
}

function describe(name: string): Description {
  return JSON.parse(readFileSync(join(directory, `${name}.json`), 'utf8'));
}

export const exportedNames: readonly string[] = readdirSync(directory)
  .filter((file) => file.endsWith('.json'))
  .map((file) => file.slice(0, -'.json'.length));

export function readExported(name: string): ExportedGolden {
  const { golden, kind } = describe(name);
  return { name, golden: readGolden(golden), hasCache: kind !== 'text-generation', isGenai: kind === 'genai' };
}

/** Writes an exported model into a new directory: its graph, its weights as external data, its configuration. */
export function writeExported(target: string, name: string): string {
  const { golden, weights, genai } = describe(name);
  mkdirSync(target, { recursive: true });
  writeFileSync(join(target, 'model.onnx'), gunzipSync(readFileSync(join(directory, `${name}.onnx.gz`))));
  writeFileSync(join(target, 'weights.data'), Buffer.concat(weights.map(bytesOf)));
  writeConfiguration(target, golden, genai);
  return target;
}

/** Writes a quantized graph, its weights inside, into a new directory with its configuration. */
export function writeQuantized(target: string, name: string): string {
  const quantized = join(directory, 'quantized');
  const { golden, genai } = JSON.parse(readFileSync(join(quantized, `${name}.json`), 'utf8'));
  mkdirSync(target, { recursive: true });
  writeFileSync(join(target, 'model.onnx'), gunzipSync(readFileSync(join(quantized, `${name}.onnx.gz`))));
  writeConfiguration(target, golden, genai);
  return target;
}

function writeConfiguration(target: string, golden: string, genai: object | undefined): void {
  const [file, config] =
    genai === undefined ? ['config.json', readGolden(golden).configs.given] : ['genai_config.json', genai];
  writeFileSync(join(target, file), JSON.stringify(config));
}

function bytesOf({ tensor, transposed, dims }: StoredWeight): Uint8Array {
  const { data } = goldenTensor(tensor, transposed ? dims.toReversed() : dims);
  if (!(data instanceof Float32Array)) throw new Error('golden weights are float32');
  const values = transposed ? new Float32Array(data.length) : data;
  if (transposed) transposeColumns(data, dims[0] ?? 1, 0, values);
  return new Uint8Array(values.buffer);
}
