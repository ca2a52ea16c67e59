import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { QuernError } from '../errors.js';
import type { PartOfWork, WorkContext } from '../stages/kind.js';
import type { ActionFile, OpenedPart, PartKeeper, PartRequest } from './executors/executor.js';
import type { ActionMessage } from './executors/messages.js';
import { parseHostMessage } from './executors/messages.js';

/** How an action process makes parts of its work: kept by the process that has started it, if that keeps any. */
export function partMaker({ keepsParts, partsDirectory }: ActionFile): WorkContext['part'] {
  return keepParts(keepsParts && process.send !== undefined ? new ParentKeeper() : new NoKeeper(partsDirectory));
}

/** Makes parts in new directories of `directory`, which need not exist. Nothing is kept or found. */
export function makeParts(directory: string): WorkContext['part'] {
  return keepParts(new NoKeeper(directory));
}

function keepParts(keeper: PartKeeper): WorkContext['part'] {
  return async ({ unit, inputs, description }: PartOfWork, make) => {
    const { directory, isMade } = await keeper.open({ unit, inputs, description });
    if (isMade) return directory;
    await make(directory);
    await keeper.keep(directory);
    return directory;
  };
}

class NoKeeper implements PartKeeper {
  readonly #directory: string;
  #next = 0;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async open(): Promise<OpenedPart> {
    const directory = join(this.#directory, String(this.#next++));
    mkdirSync(directory, { recursive: true });
    return { directory, isMade: false };
  }

  async keep(): Promise<void> {}
}

/** The process that has started this one. */
class ParentKeeper implements PartKeeper {
  #next = 0;

  open(request: PartRequest): Promise<OpenedPart> {
    return this.#ask((number) => ({ type: 'open-part', number, request }));
  }

  async keep(directory: string): Promise<void> {
    await this.#ask((number) => ({ type: 'keep-part', number, directory }));
  }

  #ask(question: (number: number) => ActionMessage): Promise<OpenedPart> {
    const number = this.#next++;
    return new Promise((resolve, reject) => {
      const onMessage = (message: unknown): void => {
        const answer = parseHostMessage(message);
        if (answer?.number !== number) return;
        process.off('message', onMessage);
        process.off('disconnect', endWithParent);
        if (answer.type === 'part') resolve(answer.part);
        else reject(errorOf(answer.error));
      };
      process.on('message', onMessage);
      process.on('disconnect', endWithParent);
      if (process.connected) process.send?.(question(number));
      else endWithParent();
    });
  }
}

/** Nobody waits for the work any more. */
function endWithParent(): never {
  process.exit(1);
}

function errorOf({ message, suggestion }: { readonly message: string; readonly suggestion?: string }): QuernError {
  return new QuernError('stage', message, suggestion === undefined ? {} : { suggestion });
}
