import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fuseProducts } from '../../models/fuse-products.js';
import { lowerAttention } from '../../models/lower-attention.js';
import { companionsOf, openModelDirectory, writeModelDirectory } from '../../models/model-directory.js';
import type { WorkContext, WorkResult } from '../kind.js';
import { type AccuracyLevel, setAccuracyLevel } from './forms/accuracy-level.js';
import type { Form } from './forms/form.js';
import { convertForm } from './forms/forms.js';
import type { LayoutName } from './layout-names.js';
import { layouts, writeDocuments } from './layouts.js';
import { setOpset } from './opset.js';

export interface ExportParameters {
  readonly attention: 'gqa' | 'onnx';
  /** `plain` if not given. */
  readonly layout?: LayoutName;
  /** As the model is, if not given. */
  readonly form?: Form;
  /** Whether products that read the same activations are joined. */
  readonly fuse?: boolean;
  /** Of the MatMulNBits nodes. As they are, if not given. */
  readonly accuracyLevel?: AccuracyLevel;
  /** As the model is, if not given. */
  readonly opset?: number;
}

/** Writes a model with all weights in one data file, in the form that other tools open. */
export async function exportModel(context: WorkContext<ExportParameters>): Promise<WorkResult> {
  const { attention, form, fuse, accuracyLevel, opset } = context.parameters;
  const directory = context.inputs.model!;
  const { model, info, quantization } = openModelDirectory(directory);
  const layout = layouts[context.parameters.layout ?? 'plain'];
  layout.prepare?.(model);
  if (attention === 'gqa') lowerAttention(model);
  const fusedProducts = fuse === true ? fuseProducts(model.graph) : undefined;
  if (form !== undefined) convertForm(model, form);
  if (accuracyLevel !== undefined) setAccuracyLevel(model.graph, accuracyLevel);
  if (opset !== undefined) setOpset(model, opset);
  const files = layout.filesOf(model.graph);
  const documents = layout.documents?.(model.graph, { info, directory }, files) ?? {};
  const companions = companionsOf(directory).filter(({ name }) => !Object.hasOwn(documents, name));
  writeModelDirectory(model, context.outputDirectory, { layout: 'merged', files, info, quantization, companions });
  writeDocuments(documents, context.outputDirectory);
  const input = modelFiles(directory);
  const output = modelFiles(context.outputDirectory);
  return {
    metrics: {
      bytes: output.bytes,
      files: output.count,
      inputBytes: input.bytes,
      inputFiles: input.count,
      nodes: model.graph.nodeCount,
      ...(fusedProducts === undefined ? {} : { fusedProducts }),
      ...(accuracyLevel === undefined ? {} : { accuracyLevel }),
    },
  };
}

/** The graph and its weights: how many files they are, and how many bytes. */
function modelFiles(directory: string): { readonly count: number; readonly bytes: number } {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  const sizes = names
    .filter((name) => /^(model.onnx|onnx|weights)/.test(name))
    .map((name) => statSync(join(directory, name)))
    .filter((status) => status.isFile())
    .map(({ size }) => size);
  return { count: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}
