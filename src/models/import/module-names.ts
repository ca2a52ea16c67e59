import type { Graph } from '../../onnx/ir.js';
import type { Node } from '../../onnx/node.js';

/** What exporters call the operator at the end of the name of a node. */
const operatorEnd = /\/[^/]+$/;

/**
 * Recovers the paths of PyTorch's modules from the names of nodes (`/decoder/layers.0/fc1/Gemm`) and of weights
 * (`model.decoder.layers.0.fc1.weight`). Exporters leave out modules that were not called themselves, such as the first
 * `model` of this example: weights show what is missing.
 */
export class ModuleNames {
  /** Paths of all modules that have a weight somewhere inside. */
  readonly #known = new Set<string>();

  constructor(graph: Graph) {
    for (const name of graph.initializers.keys()) {
      if (!/^[A-Za-z_][\w.]*\.(weight|bias)(_\w+)?$/.test(name)) continue;
      const parts = name.split('.').slice(0, -1);
      for (let count = 1; count <= parts.length; count++) this.#known.add(parts.slice(0, count).join('.'));
    }
  }

  /** The module that a node belongs to; empty if its name does not say. */
  moduleOf({ name }: Node): string {
    if (!name.startsWith('/')) return '';
    return this.#complete(name.slice(1).replace(operatorEnd, '').replaceAll('/', '.'));
  }

  /** The module that a weight of this name belongs to; empty if the name does not say. */
  moduleOfWeight(name: string): string {
    const match = /^([A-Za-z_][\w.]*?)(?:\.MatMul|\.Gemm)?\.(?:weight|bias)(?:_\w+)?$/.exec(name);
    return match?.[1] ?? '';
  }

  #complete(path: string): string {
    for (let module = path; module !== ''; module = module.slice(0, Math.max(0, module.lastIndexOf('.')))) {
      if (this.#known.has(module)) return path;
      const longer = [...this.#known].filter((known) => known.endsWith(`.${module}`));
      const [only, ...others] = longer;
      if (only !== undefined && others.length === 0) return only.slice(0, only.length - module.length) + path;
    }
    return path;
  }
}
