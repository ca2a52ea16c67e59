import { basename } from 'node:path';
import { QuernError } from '../errors.js';
import { readUtf8File } from '../files/input-file.js';
import { parseJsonObject } from '../files/json-file.js';
import { quote } from '../files/quote.js';
import { isJsonObject } from '../json.js';
import type { Checkpoint, CheckpointTensor } from './checkpoint.js';
import { findDuplicateKey } from './duplicate-keys.js';

const maximumIndexBytes = 100_000_000;

/** A name that can only mean a file in the same directory, on every platform. */
function isPlainFileName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[/\\:\0]/.test(name);
}

/** Shard file name of each tensor. */
function readWeightMap(path: string): ReadonlyMap<string, string> {
  const text = readUtf8File(path, maximumIndexBytes);
  const { weight_map: weightMap } = parseJsonObject(text, path);
  const duplicate = findDuplicateKey(text);
  if (duplicate !== undefined) throw new QuernError('input', `${path} has ${quote(duplicate)} twice`);
  if (!isJsonObject(weightMap)) throw new QuernError('input', `${path} has no weight_map object`);
  const shards = new Map<string, string>();
  for (const [tensor, shard] of Object.entries(weightMap)) {
    if (typeof shard !== 'string' || !isPlainFileName(shard)) {
      throw new QuernError(
        'input',
        `${path}: tensor ${quote(tensor)} is in ${quote(shard)}, which is not the name of a file in the same directory`,
      );
    }
    shards.set(tensor, shard);
  }
  return shards;
}

/**
 * Opens a checkpoint of several files by its index (`model.safetensors.index.json`, `pytorch_model.bin.index.json`).
 * Every tensor must be listed and be in the shard that the index says: where they differ, files of two revisions have
 * been mixed. `open` opens one shard; only those in `files` are, as what else is there may not belong to the source.
 */
export function openWeightIndex(
  path: string,
  files: readonly string[],
  open: (path: string) => Checkpoint,
): Checkpoint {
  const shardOf = readWeightMap(path);
  const tensors = new Map<string, CheckpointTensor>();
  const metadata = new Map<string, string>();
  for (const shard of new Set(shardOf.values())) {
    const checkpoint = open(findShard(path, files, shard));
    for (const [name, tensor] of checkpoint.tensors) {
      if (shardOf.get(name) !== shard) {
        throw new QuernError('input', `${path} does not say that tensor ${quote(name)} is in ${shard}, but it is`, {
          suggestion: 'download the index and all shards again, from one revision',
        });
      }
      tensors.set(name, tensor);
    }
    for (const [key, text] of checkpoint.metadata) metadata.set(key, text);
  }
  for (const [name, shard] of shardOf) {
    if (!tensors.has(name)) {
      throw new QuernError('input', `${path}: tensor ${quote(name)} is not in ${shard}, where it should be`, {
        suggestion: `download ${basename(path)} and all shards again, from one revision`,
      });
    }
  }
  return { tensors, metadata };
}

function findShard(path: string, files: readonly string[], shard: string): string {
  const found = files.find((file) => basename(file) === shard);
  if (found !== undefined) return found;
  throw new QuernError('input', `${path} names ${quote(shard)}, which is not there or not named like a shard`, {
    suggestion: 'download all shards',
  });
}
