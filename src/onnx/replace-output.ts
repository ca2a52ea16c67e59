import type { Value } from './node.js';

/**
 * Lets a new value take the place of one that a node computes, and its name and type. `compute` adds what computes the
 * new value, with the name it is given. The node of before is removed; what else only it used may stay.
 */
export function replaceOutput(original: Value, temporaryName: string, compute: (name: string) => void): void {
  const { graph, name, type, producer } = original;
  if (producer === undefined) throw new Error(`${name} is not computed`);
  const temporary = graph.uniqueName(temporaryName);
  compute(temporary);
  const replacement = graph.value(temporary);
  if (replacement === undefined) throw new Error(`nothing computes ${temporary} in place of ${name}`);
  replacement.type = type;
  graph.replaceAllUses(original, replacement);
  graph.removeNode(producer);
  graph.rename(replacement, name);
}
