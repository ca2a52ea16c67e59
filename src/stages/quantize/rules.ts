import { QuernError } from '../../errors.js';
import type { LinearLayer } from '../../models/linear-layers.js';
import type { Scheme } from '../../quant/schemes.js';
import { resolveScheme } from '../../quant/schemes.js';
import type { Rule, RuleMatch } from './rule.js';

/** What was decided for a layer, by which rule (numbered from 1 as people count). */
export interface Decision {
  readonly layer: LinearLayer;
  /** `undefined`: no rule matches, the layer is kept. */
  readonly rule: number | undefined;
  readonly scheme: Scheme | undefined;
}

/**
 * Decides for every linear layer by the first rule that matches it. A rule that decides nothing is an error, because it
 * means something other than its author thinks, and so is a list of rules that quantizes nothing.
 */
export function applyRules(layers: readonly LinearLayer[], rules: readonly Rule[]): readonly Decision[] {
  const matchers = rules.map(({ match }) => matcherOf(match));
  const decisions = layers.map((layer): Decision => {
    const index = matchers.findIndex((matches) => matches(layer));
    const rule = rules[index];
    if (rule === undefined) return { layer, rule: undefined, scheme: undefined };
    return { layer, rule: index + 1, scheme: 'scheme' in rule ? resolveScheme(rule.scheme) : undefined };
  });
  rules.forEach((rule, index) => {
    if (!decisions.some((decision) => decision.rule === index + 1))
      throw unusedRule(rule, index, layers, matchers[index]!);
  });
  if (decisions.every(({ scheme }) => scheme === undefined)) {
    throw new QuernError('stage', 'the rules quantize nothing: every linear layer is kept', {
      suggestion: 'add a rule with a scheme, for example { match: { op: MatMul }, scheme: w8a8 }',
    });
  }
  return decisions;
}

type Matcher = (layer: LinearLayer) => boolean;

function unusedRule(rule: Rule, index: number, layers: readonly LinearLayer[], matches: Matcher): QuernError {
  const what = `rule ${index + 1} (${JSON.stringify(rule.match)})`;
  if (layers.some(matches)) {
    return new QuernError('stage', `${what} decides nothing: rules before it take every layer that it matches`, {
      suggestion: 'put it before them, or remove it',
    });
  }
  const examples = layers.slice(0, 3).map(({ name, node }) => `${name} (${node.opType})`);
  return new QuernError('stage', `${what} matches none of the model's ${layers.length} linear layers`, {
    suggestion: `they are called like ${examples.join(', ')}`,
  });
}

function matcherOf({ op, name, layers, minElements }: RuleMatch): Matcher {
  const ops = op === undefined ? undefined : new Set([op].flat());
  const patterns = name === undefined ? undefined : [name].flat().map(namePattern);
  return (layer) =>
    (ops === undefined || ops.has(layer.node.opType)) &&
    (patterns === undefined || patterns.some((matches) => matches(layer.name))) &&
    (layers === undefined || (layer.decoderLayer !== undefined && layers.includes(layer.decoderLayer))) &&
    layer.inputFeatures * layer.outputFeatures >= (minElements ?? 0);
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
