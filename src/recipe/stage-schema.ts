import { isJsonObject, type JsonObject } from '../json.js';
import type { InputSlot, StageKind } from '../stages/kind.js';

/** Schema of a stage of a kind: its parameters and its inputs, without `kind`, `gates` and `matrix`. */
export function stageSchema(kind: StageKind): JsonObject {
  const parameters: unknown = kind.parameters;
  const schema = isJsonObject(parameters) ? parameters : {};
  const inputs = Object.entries(kind.inputs);
  return {
    ...schema,
    type: 'object',
    properties: {
      ...Object.fromEntries(inputs.map(([name, slot]) => [name, inputValue(slot)])),
      ...(isJsonObject(schema.properties) ? schema.properties : {}),
    },
    required: [
      ...inputs.flatMap(([name, slot]) => (slot.required ? [name] : [])),
      ...(Array.isArray(schema.required) ? schema.required : []),
    ],
  };
}

function inputValue({ list }: InputSlot): JsonObject {
  return list === true ? { type: 'array', minItems: 1, items: { type: 'string' } } : { type: 'string' };
}
