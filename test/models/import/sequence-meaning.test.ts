import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DecoderSizes } from '../../../src/models/decoder-sizes.js';
import { MaskOrigins } from '../../../src/models/import/mask-origins.js';
import { findPorts } from '../../../src/models/import/ports.js';
import { runProbes } from '../../../src/models/import/probes.js';
import { SequenceMeaning } from '../../../src/models/import/sequence-meaning.js';
import { SourceGraph } from '../../../src/models/import/source-graph.js';
import { Graph } from '../../../src/onnx/ir.js';
import { Model } from '../../../src/onnx/model.js';
import type { Value } from '../../../src/onnx/node.js';
import { float32Scalar, int64Scalar, int64Vector } from '../../../src/onnx/tensor.js';
import { openEngine } from '../../../src/ort/open-engine.js';

const directory = mkdtempSync(join(tmpdir(), 'quern-test-'));
const engine = await openEngine({ threads: 1 });
test.after(() => {
  engine.close();
  rmSync(directory, { recursive: true, force: true });
});

const sizes: DecoderSizes = {
  ...{ vocabulary: 16, hidden: 8, layers: 2, heads: 1, keyValueHeads: 1, headSize: 8, positions: 24 },
};

/** A graph whose masks all come from one condition: which tokens are earlier than others. */
class MaskGraph {
  readonly graph = new Graph('masks');
  readonly #model = new Model({ graph: this.graph, opsets: new Map([['', 21]]) });
  readonly #places: Value;
  readonly #causal: Value;

  constructor() {
    const { graph } = this;
    const tokens = graph.addInput('input_ids', { dataType: 'int64', shape: ['batch', 'sequence'] });
    const [zero, one] = [int64Scalar(0), int64Scalar(1)].map((tensor, index) =>
      graph.addInitializer(`number_${index}`, tensor),
    );
    const shape = this.#add('Shape', tokens);
    const length = this.#add('Gather', shape, one);
    this.#places = this.#add('Range', zero, length, one);
    this.#causal = this.#add('GreaterOrEqual', this.#rows(), this.#places);
    const floats = graph.addNode({
      ...{ opType: 'Cast', name: 'floats', inputs: [tokens], outputs: 1 },
      attributes: { to: { type: 'int', value: 1 } },
    });
    const logits = graph.addNode({
      ...{ opType: 'Unsqueeze', name: 'logits', outputs: ['logits'] },
      inputs: [floats.output, graph.addInitializer('last', int64Vector([2]))],
    });
    graph.addOutput(logits.output);
  }

  /** What is added to scores, from constants and operators of its own, perhaps of the latest `window` tokens alone. */
  mask(window?: number): Value {
    const low = this.#constant(float32Scalar(-3e38));
    let kept = this.#constant(float32Scalar(0));
    if (window !== undefined) {
      const distance = this.#add('Sub', this.#rows(), this.#places);
      kept = this.#add('Where', this.#add('Less', distance, this.#constant(int64Scalar(window))), kept, low);
    }
    return this.#add('Where', this.#causal, kept, low);
  }

  cut(mask: Value): Value {
    const bounds = [0, 1000, 1].map((bound) => this.#constant(int64Vector([bound])));
    return this.#add('Slice', mask, ...bounds);
  }

  /** To be called when all masks are there. */
  look(): { readonly source: SourceGraph; readonly meaning: SequenceMeaning } {
    const ports = findPorts(this.graph);
    const probes = runProbes(engine, this.#model, ports, sizes, directory);
    const source = new SourceGraph(this.graph, ports, probes);
    return { source, meaning: new SequenceMeaning(source, this.#model, sizes, engine, directory, 0) };
  }

  #rows(): Value {
    return this.#add('Unsqueeze', this.#places, this.#constant(int64Vector([1])));
  }

  #constant(tensor: ReturnType<typeof int64Scalar>): Value {
    return this.graph.addInitializer(this.graph.uniqueName('constant'), tensor);
  }

  #add(opType: string, ...inputs: (Value | undefined)[]): Value {
    return this.graph.addNode({ opType, name: this.graph.uniqueName(opType), inputs, outputs: 1 }).output;
  }
}

test('a window is seen beside a full mask of the same condition, whichever is looked at first', () => {
  for (const windows of [
    [undefined, 8, 6],
    [6, undefined, 8],
  ]) {
    const masks = new MaskGraph();
    const parts = windows.map((window) => [{ value: masks.mask(window), effect: 'add' as const }]);
    const { meaning } = masks.look();
    assert.equal(
      parts.map((part) => meaning.causality(part)?.window),
      windows,
    );
  }
});

test('masks that layers write and cut for themselves have one origin, those of another window have not', () => {
  const masks = new MaskGraph();
  const [first, second, other, full] = [masks.mask(8), masks.cut(masks.mask(8)), masks.mask(6), masks.mask()];
  const { source } = masks.look();
  const origins = new MaskOrigins(source);
  const keyOf = (value: Value, effect: 'add' | 'keep' = 'add') => origins.keyOf([{ value, effect }]);
  assert.is(keyOf(first), keyOf(second));
  assert.is(new Set([keyOf(first), keyOf(other), keyOf(full), keyOf(first, 'keep')]).size, 4);
  const both = origins.keyOf([first, other].map((value) => ({ value, effect: 'add' as const })));
  assert.is.not(both, keyOf(first));
});

test.run();
