import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { StageKind } from '../stages/kind.js';

const modules = new Set<string>();

/**
 * Makes the stage kinds of a module known to this process, as `kinds:` in `quern.config.yaml` does for the command line.
 * The module exports `kinds`, a list of `StageKind`. It is a module and not an object because the work of a stage is done
 * in a process of its own, which loads the same module.
 */
export function registerStageKind(module: string | URL): void {
  modules.add(module instanceof URL || module.startsWith('file:') ? fileURLToPath(module) : resolve(module));
}

export function registeredModules(): readonly string[] {
  return [...modules];
}

/** Returns the kind as it is: for editors and compilers, which check what is in it. */
export function defineStageKind(kind: StageKind): StageKind {
  return kind;
}
