import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The directory of the sources, or of what they are built to: this module is in its root, and so is what it is joined with. */
const root = new URL('.', import.meta.url);

/** The directory that holds package.json. */
export const packageDirectory = fileURLToPath(new URL('..', root));

/** A file of quern by its path below the sources, wherever quern runs from. */
export function ownFile(path: string): URL {
  return new URL(path, root);
}

/** A module that is started or loaded by its address, by its path below the sources without ending. The build has to know it. */
export function ownModule(path: string): URL {
  return ownFile(`${path}${extname(import.meta.url)}`);
}
