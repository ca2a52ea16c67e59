import { sha256 } from '../../json.js';
import type { Attribute } from '../../onnx/attribute.js';
import type { Graph } from '../../onnx/ir.js';
import type { Node } from '../../onnx/node.js';
import type { Tensor } from '../../onnx/tensor.js';
import { StringTensor } from '../../onnx/tensor.js';
import type { NameChanges } from './files.js';
import { nameChanges } from './files.js';
import { tensorType } from './tensors.js';

/** One thing about a node that is not what it was. Absent attributes are `null`. */
export interface NodeField {
  /** `operator`, `inputs`, `outputs` or `attributes.<name>`. */
  readonly field: string;
  readonly before: string | null;
  readonly after: string | null;
}

export interface ChangedNode {
  readonly name: string;
  readonly fields: readonly NodeField[];
}

export interface NodeChanges extends NameChanges {
  readonly changed: readonly ChangedNode[];
}

/** Compares the nodes of two graphs by name; a node without a name goes by that of its first output. */
export function compareNodes(before: Graph, after: Graph): NodeChanges {
  const beforeNodes = nodesByName(before);
  const afterNodes = nodesByName(after);
  const changed = [...beforeNodes].flatMap(([name, fields]): ChangedNode[] => {
    const other = afterNodes.get(name);
    const differing = other === undefined ? [] : fieldDifferences(fields, other);
    return differing.length === 0 ? [] : [{ name, fields: differing }];
  });
  return { ...nameChanges(beforeNodes, afterNodes), changed };
}

type NodeFields = ReadonlyMap<string, string>;

function nodesByName(graph: Graph): ReadonlyMap<string, NodeFields> {
  return new Map(graph.nodes.map((node) => [nodeName(node), nodeFields(node)]));
}

function nodeName(node: Node): string {
  return node.name === '' ? (node.outputs.find((output) => output !== undefined)?.name ?? node.opType) : node.name;
}

function nodeFields(node: Node): NodeFields {
  const names = (values: Node['inputs']): string => values.map((value) => value?.name ?? '').join(', ');
  return new Map([
    ['operator', node.domain === '' ? node.opType : `${node.domain}.${node.opType}`],
    ['inputs', names(node.inputs)],
    ['outputs', names(node.outputs)],
    ...[...node.attributes].map(([name, attribute]) => [`attributes.${name}`, attributeText(attribute)] as const),
  ]);
}

function fieldDifferences(before: NodeFields, after: NodeFields): NodeField[] {
  const names = [...new Set([...before.keys(), ...after.keys()])];
  return names
    .filter((field) => before.get(field) !== after.get(field))
    .map((field) => ({ field, before: before.get(field) ?? null, after: after.get(field) ?? null }));
}

function attributeText({ type, value }: Attribute): string {
  switch (type) {
    case 'tensor':
      return tensorText(value);
    case 'graph':
      return graphText(value);
    case 'encoded':
      return sha256(value);
    case 'ints':
    case 'floats':
      return `[${value.join(', ')}]`;
    case 'strings':
      return JSON.stringify(value);
    default:
      return String(value);
  }
}

function tensorText(tensor: Tensor): string {
  const content = tensor instanceof StringTensor ? JSON.stringify(tensor.strings) : tensor.bytes();
  return `${tensorType(tensor)} ${sha256(content).slice(0, 12)}`;
}

/** Short text of a subgraph that differs when anything in it does. */
function graphText(graph: Graph): string {
  const nodes = [...nodesByName(graph)].map(([name, fields]) => [name, ...fields]);
  const constants = [...graph.initializers].map(([name, { initializer }]) => [
    name,
    initializer === undefined ? '' : tensorText(initializer),
  ]);
  const outputs = graph.outputs.map(({ name }) => name);
  return `graph of ${graph.nodeCount} nodes ${sha256(JSON.stringify([nodes, constants, outputs])).slice(0, 12)}`;
}
