import { realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ConfigReader } from '../../checkpoints/config-reader.js';
import { QuernError } from '../../errors.js';
import type { Graph } from '../../onnx/ir.js';
import type { Model } from '../../onnx/model.js';
import { runPasses } from '../../onnx/passes.js';
import { readModel } from '../../onnx/read.js';
import { FileTensor } from '../../onnx/tensor.js';
import type { Engine } from '../../ort/engine.js';
import type { BuiltModel } from '../architecture.js';
import { type DecoderSizes, modelInfoOf } from '../decoder-sizes.js';
import { cacheBranch } from './cache-branch.js';
import { constantNodes } from './constant-nodes.js';
import { readImportFacts } from './facts.js';
import { type ReferenceLogits, referenceLogits } from './import-error.js';
import { findPorts } from './ports.js';
import { type Probe, runProbes } from './probes.js';
import { SequenceMeaning } from './sequence-meaning.js';
import { SourceGraph } from './source-graph.js';
import { translateGraph } from './translate-graph.js';
import { withoutRounding } from './without-rounding.js';

/** One of the files that a model comes in. */
export interface ImportFile {
  readonly name: string;
  readonly path: string;
}

export interface ImportedModel extends BuiltModel {
  /** Fields of its configuration, for the tokens that begin and end texts. */
  readonly fields: ConfigReader;
  /** What the exported graph computes without rounding activations, and how far from it the imported model may be. */
  readonly references: readonly ReferenceLogits[];
  readonly errorLimit: number;
}

/** Largest relative difference of logits that counts as the same function, in float32 and of graphs in half precision. */
const [floatLimit, halfLimit] = [1e-4, 2e-2];

/**
 * Reads an exported decoder and writes it anew in the form that models of quern have. Weights stay where they are.
 * @throws QuernError (`input`) that says what is not understood
 */
export function importModel(engine: Engine, files: readonly ImportFile[], graphPath: string): ImportedModel {
  const model = readModel(graphPath);
  requireKnownFiles(model.graph, files, graphPath);
  try {
    return importRead(engine, model, files, graphPath);
  } catch (error) {
    if (!(error instanceof QuernError) || error.message.includes(graphPath)) throw error;
    const { suggestion } = error;
    throw new QuernError('input', `${graphPath} can't be imported: ${error.message}`, {
      cause: error,
      ...(suggestion === undefined ? {} : { suggestion }),
    });
  }
}

function importRead(engine: Engine, model: Model, files: readonly ImportFile[], graphPath: string): ImportedModel {
  runPasses(model, [cacheBranch, constantNodes]);
  const { graph } = model;
  const ports = findPorts(graph);
  const { architecture, sizes: named, fields } = readImportFacts(files, graphPath);
  const directory = dirname(graphPath);
  const probes = runProbes(engine, model, ports, named, directory);
  const vocabulary = probes[0]?.values.get(ports.logits)?.dims.at(-1) ?? named.vocabulary;
  const sizes = { ...named, vocabulary };
  const source = new SourceGraph(graph, ports, probes);
  const largestWindow = fields.has('sliding_window') ? fields.integer('sliding_window', { min: 1 }) : 0;
  const meaning = new SequenceMeaning(source, model, sizes, engine, directory, largestWindow);
  const { model: imported, ...shown } = translateGraph(source, sizes, meaning);
  const isHalf = [...graph.initializers.values()].some(({ initializer }) => initializer?.dataType.endsWith('float16'));
  return {
    model: imported,
    info: { ...modelInfoOf({ architecture }, sizes), ...shown },
    fields,
    references: referencesOf(engine, model, probes, named, directory),
    errorLimit: isHalf ? halfLimit : floatLimit,
  };
}

/** What the source computes without rounding activations. The model is changed for it. */
function referencesOf(
  engine: Engine,
  model: Model,
  probes: readonly Probe[],
  sizes: DecoderSizes,
  directory: string,
): readonly ReferenceLogits[] {
  const isRounded = runPasses(model, [withoutRounding]).length > 0;
  const ports = findPorts(model.graph);
  return referenceLogits(ports, isRounded ? runProbes(engine, model, ports, sizes, directory) : probes);
}

/** Data files are part of what a model is made from: they have to be among the files that were found, by content. */
function requireKnownFiles(graph: Graph, files: readonly ImportFile[], graphPath: string): void {
  const known = new Set(files.map(({ path }) => realpathSync(path)));
  for (const body of graph.nodes.flatMap(({ bodies }) => bodies)) requireKnownFiles(body, files, graphPath);
  for (const { name, initializer } of graph.initializers.values()) {
    if (!(initializer instanceof FileTensor) || known.has(initializer.path)) continue;
    throw new QuernError(
      'input',
      `${graphPath}: ${name} is in ${initializer.path}, which is not one of the files that are read`,
      {
        suggestion: 'name data files like model.onnx_data or model.onnx.data, beside the graph or in a folder there',
      },
    );
  }
}
