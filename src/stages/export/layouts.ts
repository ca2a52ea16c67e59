import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { QuernError } from '../../errors.js';
import { isJsonObject, type JsonObject } from '../../json.js';
import type { ModelInfo } from '../../models/architecture.js';
import { readCompanionConfig } from '../../models/model-directory.js';
import { addPositionInput } from '../../models/position-input.js';
import type { Graph } from '../../onnx/ir.js';
import type { Model } from '../../onnx/model.js';
import { renameDimensions } from '../../onnx/rename-dimensions.js';
import type { ModelFiles } from '../../onnx/write.js';
import { usualModelFiles } from '../../onnx/write.js';
import { genaiConfig } from './genai-config.js';
import type { LayoutName } from './layout-names.js';
import { transformersDtype } from './transformers-dtype.js';

export interface LayoutContext {
  readonly info: ModelInfo;
  /** The artifact that is exported. */
  readonly directory: string;
}

/** Names and files that the reader of a model expects. */
export interface Layout {
  /** Changes the model before its attention is lowered. */
  readonly prepare?: (model: Model) => void;
  readonly filesOf: (graph: Graph) => ModelFiles;
  /** JSON files that are written besides, in place of companion files of the same name. */
  readonly documents?: (
    graph: Graph,
    context: LayoutContext,
    files: ModelFiles,
  ) => { readonly [name: string]: JsonObject };
}

/** Readers make the first, empty caches by these names. */
const optimumDimensions = {
  batch: 'batch_size',
  sequence: 'sequence_length',
  past_sequence: 'past_sequence_length',
  total_sequence: 'past_sequence_length + sequence_length',
} as const;

export const layouts: { readonly [Name in LayoutName]: Layout } = {
  plain: { filesOf: () => usualModelFiles },
  /** As `optimum-cli export onnx --task text-generation-with-past` writes it. */
  optimum: {
    prepare: (model) => {
      addPositionInput(model);
      renameDimensions(model.graph, optimumDimensions);
    },
    filesOf: () => ({ model: 'model.onnx', data: 'model.onnx_data' }),
  },
  genai: {
    filesOf: () => usualModelFiles,
    documents: (graph, { info }, files) => ({ 'genai_config.json': genaiConfig(graph, info, files) }),
  },
  transformersjs: {
    prepare: ({ graph }) => renameDimensions(graph, optimumDimensions),
    filesOf: (graph) => {
      const { suffix } = transformersDtype(graph);
      return { model: `onnx/model${suffix}.onnx`, data: `onnx/model${suffix}.onnx_data` };
    },
    documents: (graph, { directory }, files) => ({ 'config.json': transformersConfig(graph, directory, files) }),
  },
};

export function writeDocuments(documents: { readonly [name: string]: JsonObject }, directory: string): void {
  for (const [name, document] of Object.entries(documents)) {
    writeFileSync(join(directory, name), `${JSON.stringify(document, null, 2)}\n`, { flag: 'wx' });
  }
}

/** config.json with what transformers.js has to know of the files: the data type it loads, and that weights are apart. */
function transformersConfig(graph: Graph, directory: string, { model }: ModelFiles): JsonObject {
  const config = readCompanionConfig(directory);
  if (typeof config.model_type !== 'string') {
    throw new QuernError('input', 'config.json does not say its `model_type`, which transformers.js loads models by');
  }
  const known = config['transformers.js_config'];
  const settings = {
    ...(isJsonObject(known) ? known : {}),
    dtype: transformersDtype(graph).dtype,
    use_external_data_format: { [model.replace('onnx/', '')]: 1 },
  };
  return { ...config, 'transformers.js_config': settings };
}
