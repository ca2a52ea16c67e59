import { describeError } from '../build/describe-error.js';
import type { ProgressMode } from './options.js';
import type { Project } from './project.js';

/** Runs gc after a build when the store is too large, and says what it freed. A gc that fails does not make the build fail. */
export async function cleanStore({ store, config }: Project, progress: ProgressMode): Promise<void> {
  try {
    const { collectAfterBuild } = await import('../build/collect.js');
    const collection = await collectAfterBuild(store, config.cacheBounds);
    if (collection === undefined || collection.removals.length === 0) return;
    const { collectionText } = await import('./collection-text.js');
    note(collectionText(collection), progress);
  } catch (error) {
    note(`cache: gc failed: ${describeError(error).message}`, progress);
  }
}

function note(text: string, progress: ProgressMode): void {
  process.stderr.write(`${progress === 'json' ? JSON.stringify({ type: 'note', text }) : text}\n`);
}
