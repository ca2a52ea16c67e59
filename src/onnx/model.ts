import type { Attribute } from './attribute.js';
import { Graph } from './ir.js';

/** Versions of the operator sets a model or function uses, by domain. The domain of ONNX itself is the empty string. */
export type Opsets = Map<string, number>;

/** An operator that the model itself defines in terms of other operators. */
export class FunctionDefinition {
  docString = '';
  readonly metadata = new Map<string, string>();
  /** Attributes of a call without a default. */
  readonly attributes: string[] = [];
  readonly attributeDefaults = new Map<string, Attribute>();
  readonly opsets: Opsets = new Map();
  /** Inputs and outputs of the function are those of the graph. It has no initializers. */
  readonly body: Graph;

  constructor(
    readonly domain: string,
    readonly name: string,
    readonly overload = '',
  ) {
    this.body = new Graph(name);
  }
}

export interface ModelOptions {
  readonly graph: Graph;
  readonly opsets: ReadonlyMap<string, number>;
  /** Chosen by `writeModel` when it is too low for what the model contains. */
  readonly irVersion?: number;
  readonly producerName?: string;
  readonly producerVersion?: string;
}

/** A graph with what is needed to run it. */
export class Model {
  irVersion: number;
  readonly opsets: Opsets;
  producerName: string;
  producerVersion: string;
  domain = '';
  modelVersion = 0;
  docString = '';
  readonly metadata = new Map<string, string>();
  readonly functions: FunctionDefinition[] = [];
  readonly graph: Graph;

  constructor(options: ModelOptions) {
    this.graph = options.graph;
    this.opsets = new Map(options.opsets);
    this.irVersion = options.irVersion ?? 10;
    this.producerName = options.producerName ?? 'quern';
    this.producerVersion = options.producerVersion ?? '';
  }
}
