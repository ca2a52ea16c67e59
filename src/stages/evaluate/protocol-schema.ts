import type { JSONSchema } from 'json-schema-to-ts';
import type { Json, JsonObject } from '../../json.js';
import { normaliseDataset, normaliseMembers } from '../dataset-schema.js';
import { protocols } from './protocols.js';

/** JSON Schema of the parameter `protocol`. */
export const protocolSchema = {
  enum: protocols,
  default: 'windows',
  description:
    'How a text is joined and cut into windows where `dataset` does not say. windows: all windows of 512; gptq and amd-v1.0: all of 2048; amd-v1.1: as these, but two where the model is no OPT; amd-v1.2: two of 2048 (OPT) or 4096, documents joined by one line feed. Losses are means over the length - 1 predicted tokens of each window; the rest of the text is dropped',
} as const satisfies JSONSchema;

/** A data set in the form that equal ones share. */
export function normalisePerplexityDataset(protocol: Json | undefined, dataset: JsonObject): JsonObject {
  return protocol === 'windows' ? normaliseDataset(dataset) : normaliseMembers(dataset);
}
