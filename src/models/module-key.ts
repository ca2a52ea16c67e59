import type { Node } from '../onnx/node.js';

/** Key of the metadata by which a node says which module it computes, when its name has to be another one. */
export const moduleKey = 'quern.module';

/** The module that a quantized product computes, or else the name of the node. */
export function moduleOf({ name, metadata }: Node): string {
  return metadata.get(moduleKey) ?? name;
}
