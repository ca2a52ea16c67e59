import { QuernError } from '../../errors.js';
import type { Embedding } from '../../models/embeddings.js';
import type { LinearLayer } from '../../models/linear-layers.js';
import { elementCount } from '../../onnx/data-type.js';
import type { Node } from '../../onnx/node.js';
import type { Tensor } from '../../onnx/tensor.js';
import type { Scheme } from '../../quant/schemes.js';
import type { Rule, RuleMatch } from './rule.js';
import { schemeFor } from './rule-scheme.js';

const embeddingType = 'Gather';

/** What rules look at: a linear layer or an embedding. */
export interface Operator {
  readonly name: string;
  readonly node: Node;
  /** Of the weight. */
  readonly tensor: Tensor;
  readonly decoderLayer: number | undefined;
}

/** What was decided for an operator, by which rule (numbered from 1 as people count). */
export interface Decision<Kind extends Operator = Operator> {
  readonly operator: Kind;
  /** `undefined`: no rule matches, the operator is kept. */
  readonly rule: number | undefined;
  readonly scheme: Scheme | undefined;
}

export interface Decisions {
  readonly layers: readonly Decision<LinearLayer>[];
  /** Those of them that a rule matches. */
  readonly embeddings: readonly Decision<Embedding>[];
}

/**
 * Decides for every operator by the first rule that matches it. A rule that decides nothing is an error, because it means
 * something other than its author thinks, and so is a list of rules that quantizes nothing.
 */
export function applyRules(
  layers: readonly LinearLayer[],
  embeddings: readonly Embedding[],
  rules: readonly Rule[],
): Decisions {
  const matchers = rules.map(({ match }) => matcherOf(match));
  const decide = <Kind extends Operator>(operator: Kind): Decision<Kind> => {
    const index = matchers.findIndex((matches) => matches(operator));
    const rule = rules[index];
    if (rule === undefined) return { operator, rule: undefined, scheme: undefined };
    return { operator, rule: index + 1, scheme: 'scheme' in rule ? schemeFor(rule.scheme, operator) : undefined };
  };
  const decisions = {
    layers: layers.map(decide),
    embeddings: embeddings.map(decide).filter(({ rule }) => rule !== undefined),
  };
  const all: readonly Decision[] = [...decisions.layers, ...decisions.embeddings];
  rules.forEach((rule, index) => {
    if (all.some((decision) => decision.rule === index + 1)) return;
    throw unusedRule(rule, index, [...layers, ...embeddings], matchers[index]!);
  });
  if (all.every(({ scheme }) => scheme === undefined)) {
    throw new QuernError('stage', 'the rules quantize nothing: every linear layer is kept', {
      suggestion: 'add a rule with a scheme, for example { match: { op: MatMul }, scheme: w8a8 }',
    });
  }
  return decisions;
}

type Matcher = (operator: Operator) => boolean;

function unusedRule(rule: Rule, index: number, operators: readonly Operator[], matches: Matcher): QuernError {
  const what = `rule ${index + 1} (${JSON.stringify(rule.match)})`;
  if (operators.some(matches)) {
    return new QuernError('stage', `${what} decides nothing: rules before it take every layer that it matches`, {
      suggestion: 'put it before them, or remove it',
    });
  }
  const layers = operators.filter(({ node }) => node.opType !== embeddingType);
  const examples = layers.slice(0, 3).map(({ name, node }) => `${name} (${node.opType})`);
  return new QuernError('stage', `${what} matches none of the model's ${layers.length} linear layers`, {
    suggestion: `they are called like ${examples.join(', ')}`,
  });
}

function matcherOf({ op, name, layers, minElements }: RuleMatch): Matcher {
  const ops = op === undefined ? undefined : new Set([op].flat());
  const patterns = name === undefined ? undefined : [name].flat().map(namePattern);
  return ({ node, name: operatorName, decoderLayer, tensor }) =>
    (ops === undefined ? node.opType !== embeddingType : ops.has(node.opType)) &&
    (patterns === undefined || patterns.some((matches) => matches(operatorName))) &&
    (layers === undefined || (decoderLayer !== undefined && layers.includes(decoderLayer))) &&
    (elementCount(tensor.dims) ?? 0) >= (minElements ?? 0);
}

/** `re:` and a regular expression for the whole name, `glob:` and a pattern with `*` and `?`, or the exact name. */
function namePattern(text: string): (name: string) => boolean {
  if (text.startsWith('re:')) {
    const expression = compile(text.slice('re:'.length), text);
    return (name) => expression.test(name);
  }
  if (text.startsWith('glob:')) {
    const escaped = text.slice('glob:'.length).replaceAll(/[.+^${}()|[\]\\]/g, '\\$&');
    const expression = compile(escaped.replaceAll('*', '.*').replaceAll('?', '.'), text);
    return (name) => expression.test(name);
  }
  return (name) => name === text;
}

function compile(source: string, text: string): RegExp {
  try {
    return new RegExp(`^(?:${source})$`);
  } catch (error) {
    throw new QuernError('recipe', `${JSON.stringify(text)} is not a regular expression`, { cause: error });
  }
}
