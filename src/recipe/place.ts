import type { Location } from '../errors.js';
import type { Json } from '../json.js';
import type { Pointer, RecipeDocument } from './document.js';

/** A value of a recipe, with the file and the place in it where it stands. */
export interface Placed {
  readonly value: Json;
  readonly document: RecipeDocument;
  /** From the root of the document. */
  readonly pointer: Pointer;
}

/** Place of a value, or of something inside it. */
export function locateValue({ document, pointer }: Placed, inside: Pointer = []): Location {
  return document.locateValue([...pointer, ...inside]);
}

/** Place of the key a value stands under, or of a key inside the value. */
export function locateKey({ document, pointer }: Placed, inside: Pointer = []): Location {
  return document.locateKey([...pointer, ...inside]);
}
