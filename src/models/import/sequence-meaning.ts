import { realpathSync } from 'node:fs';
import type { Model } from '../../onnx/model.js';
import type { Value } from '../../onnx/node.js';
import { tensorFromFloat32 } from '../../onnx/tensor.js';
import type { Engine } from '../../ort/engine.js';
import type { TensorData } from '../../ort/tensor-data.js';
import type { DecoderSizes } from '../decoder-sizes.js';
import { openModelSession } from '../graph-session.js';
import type { RotaryTables } from '../rotary.js';
import { extractBetween } from '../segments.js';
import { floatValues } from './float-values.js';
import { MaskOrigins } from './mask-origins.js';
import { emptyCaches, feedsOf } from './probes.js';
import type { SourceGraph } from './source-graph.js';
import { type MaskPart, visibleTokens, windowOf } from './visible-tokens.js';

/** How long a text is in which windows are looked for, with a cache and without. */
const [longTotal, longText] = [8192, 2048];

/** What a token sees of those before it. */
export interface Causality {
  /** How many of the latest tokens, itself included, if not all. */
  readonly window: number | undefined;
}

/**
 * What values mean that follow from the lengths of past and text alone. Exporters write masks, positions and angles in
 * dozens of operators that no two versions agree on, so they are computed and looked at, not recognised.
 */
export class SequenceMeaning {
  readonly #tables = new Map<Value, RotaryTables | undefined>();
  /** By the origins of masks. */
  readonly #windows = new Map<string, Causality | undefined>();
  readonly #source: SourceGraph;
  readonly #model: Model;
  readonly #sizes: DecoderSizes;
  readonly #engine: Engine;
  readonly #directory: string;
  readonly #largestWindow: number;
  readonly #origins: MaskOrigins;

  /** `largestWindow` is the largest that the model may have, 0 if it is not known. */
  constructor(
    source: SourceGraph,
    model: Model,
    sizes: DecoderSizes,
    engine: Engine,
    directory: string,
    largestWindow: number,
  ) {
    this.#source = source;
    this.#model = model;
    this.#sizes = sizes;
    this.#engine = engine;
    this.#directory = directory;
    this.#largestWindow = largestWindow;
    this.#origins = new MaskOrigins(source);
  }

  /** What is added to the places of tokens in the text to get a value, if that is what it is: int64 [1, tokens] or so. */
  placesOffset(value: Value): number | undefined {
    const offsets = this.#source.probes.map(({ past, ids, values }) => {
      const data =
        this.#source.ports.positions === value
          ? BigInt64Array.from(ids, (_, index) => BigInt(past + index))
          : values.get(value)?.data;
      if (!(data instanceof BigInt64Array) || data.length !== ids.length) return undefined;
      const offset = Number(data[0]) - past;
      return data.every((place, index) => Number(place) === past + index + offset) ? offset : undefined;
    });
    const [offset] = offsets;
    return offset !== undefined && offset >= 0 && offsets.every((other) => other === offset) ? offset : undefined;
  }

  /**
   * What the masks of one attention mean together, or `undefined` if tokens see what causal attention does not show. An
   * attention that `isCausal` hides later tokens by itself.
   */
  causality(parts: readonly MaskPart[], isCausal = false): Causality | undefined {
    if (parts.length === 0) return isCausal ? { window: undefined } : undefined;
    const showsAll = this.#source.probes.every((probe) => {
      const visible = visibleTokens(
        parts,
        ({ value }) => this.#source.constant(value) ?? probe.values.get(value),
        probe.ids.length,
        probe.past + probe.ids.length,
        isCausal,
      );
      return visible !== undefined && windowOf(visible, probe.past, probe.past + probe.ids.length) === 'all';
    });
    if (!showsAll) return undefined;
    const key = `${isCausal ? 'causal ' : ''}${this.#origins.keyOf(parts)}`;
    if (!this.#windows.has(key)) this.#windows.set(key, this.#longCausality(parts, isCausal));
    return this.#windows.get(key);
  }

  /** Cosines and sines of all positions from the values that heads [.., tokens, head size] are multiplied with. */
  rotaryTables(cosines: Value, sines: Value): RotaryTables | undefined {
    if (!this.#tables.has(cosines)) this.#tables.set(cosines, this.#computeTables(cosines, sines));
    return this.#tables.get(cosines);
  }

  #computeTables(cosines: Value, sines: Value): RotaryTables | undefined {
    const sources = [
      { ...this.#angles(cosines, 'Cos'), turn: Math.cos },
      { ...this.#angles(sines, 'Sin'), turn: Math.sin },
    ];
    const computed = this.#evaluate(
      sources.map(({ value }) => value),
      0,
      this.#sizes.positions,
    );
    const tables = sources.map(({ isAngle, factor, turn }, index) => {
      const half = firstHalf(computed[index], this.#sizes.positions);
      // The processor's own cosines may have other last bits than those of other processors.
      return isAngle ? half?.map((angle) => Math.fround(turn(angle)) * factor) : half?.map((turned) => turned * factor);
    });
    const [cos, sin] = tables;
    if (cos === undefined || sin === undefined) return undefined;
    const number = this.#tables.size === 0 ? '' : `_${this.#tables.size}`;
    const dims = [this.#sizes.positions, cos.length / this.#sizes.positions];
    return {
      name: `model.rotary_emb${number}`,
      cosines: tensorFromFloat32(dims, cos),
      sines: tensorFromFloat32(dims, sin),
    };
  }

  /** The angles that cosines or sines are taken of, where that is what makes a value, and what they are multiplied with. */
  #angles(
    value: Value,
    opType: 'Cos' | 'Sin',
  ): { readonly value: Value; readonly factor: number; readonly isAngle: boolean } {
    const node = value.producer;
    if (node?.opType === opType) return { value: node.requireInput(0), factor: 1, isAngle: true };
    const factor = node?.opType === 'Mul' ? this.#source.scalar(node.inputs[1]) : undefined;
    const isMove = node !== undefined && ['Unsqueeze', 'Cast', 'Identity', 'Reshape'].includes(node.opType);
    const inner =
      node === undefined || (factor === undefined && !isMove) ? undefined : this.#angles(node.requireInput(0), opType);
    return inner?.isAngle === true
      ? { ...inner, factor: inner.factor * (factor ?? 1) }
      : { value, factor: 1, isAngle: false };
  }

  #longCausality(parts: readonly MaskPart[], isCausal: boolean): Causality | undefined {
    const hasCache = this.#source.ports.caches.length > 0;
    const wanted = Math.max(hasCache ? longTotal : longText, this.#largestWindow + 2);
    const total = Math.min(this.#sizes.positions, wanted);
    const tokens = hasCache ? Math.min(2, total) : total;
    const computed = parts.filter(({ value }) => this.#source.constant(value) === undefined);
    const data = this.#evaluate(
      computed.map(({ value }) => value),
      total - tokens,
      tokens,
    );
    const tensors = new Map(computed.map(({ value }, index) => [value, data[index]] as const));
    const visible = visibleTokens(
      parts,
      ({ value }) => this.#source.constant(value) ?? tensors.get(value),
      tokens,
      total,
      isCausal,
    );
    const window = visible === undefined ? undefined : windowOf(visible, total - tokens, total);
    return window === undefined ? undefined : { window: window === 'all' ? undefined : window };
  }

  /** Computes values for a text of zeros behind a past of zeros. */
  #evaluate(values: readonly Value[], past: number, tokens: number): readonly (TensorData | undefined)[] {
    const { graph, ports } = this.#source;
    if (values.length === 0) return [];
    const part = extractBetween(this.#model, graph.inputs, [...new Set(values)]);
    const session = openModelSession(this.#engine, part, realpathSync(this.#directory), {
      graphOptimization: 'disabled',
      prepack: false,
    });
    try {
      const all = {
        ...feedsOf(ports, past, new Array<number>(tokens).fill(0)),
        ...emptyCaches(ports, this.#sizes, past),
      };
      const wanted = new Set(session.inputs.map(({ name }) => name));
      const feeds = Object.fromEntries(Object.entries(all).filter(([name]) => wanted.has(name)));
      const outputs = session.run(feeds);
      return values.map(({ name }) => outputs[name]);
    } finally {
      session.release();
    }
  }
}

/** The first half of the last dimension of [.., positions, dimensions], whose halves have to be the same. */
function firstHalf(table: TensorData | undefined, positions: number): Float32Array | undefined {
  const data = floatValues(table);
  if (table === undefined || data === undefined) return undefined;
  const dimensions = table.dims.at(-1) ?? 0;
  const pairs = dimensions / 2;
  if (data.length !== positions * dimensions || !Number.isInteger(pairs)) return undefined;
  const half = new Float32Array(positions * pairs);
  for (let position = 0; position < positions; position++) {
    for (let pair = 0; pair < pairs; pair++) {
      const angle = data[position * dimensions + pair]!;
      if (data[position * dimensions + pairs + pair] !== angle) return undefined;
      half[position * pairs + pair] = angle;
    }
  }
  return half;
}
