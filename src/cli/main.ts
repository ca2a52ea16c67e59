#!/usr/bin/env node
import { exitCodes } from '../errors.js';

/**
 * An action process is started often and needs nothing of the command line, so it loads nothing of it. With `-` as file it
 * is started ahead of its action, which its parent tells it later.
 */
async function runActionProcess(file: string): Promise<never> {
  const { executeAction } = await import('../build/exec-action.js');
  const told = file === '-' ? await fileFromParent() : file;
  const succeeded = told !== undefined && (await executeAction(told));
  // The report is written: what is left of this process is not worth an orderly end.
  process.exit(succeeded ? exitCodes.done : exitCodes.stageFailed);
}

/** The action file that the parent sends, or `undefined` when it ends without sending one. */
function fileFromParent(): Promise<string | undefined> {
  return new Promise((resolve) => {
    process.once('message', (file) => resolve(String(file)));
    process.once('disconnect', () => resolve(undefined));
  });
}

async function main(argumentList: readonly string[]): Promise<void> {
  const [verb, file] = argumentList;
  try {
    if (verb === 'exec-action' && file !== undefined && argumentList.length === 2) return await runActionProcess(file);
    const { runCommandLine } = await import('./program.js');
    process.exitCode = await runCommandLine(argumentList);
  } catch (error) {
    const { reportError } = await import('./report-error.js');
    process.exitCode = await reportError(error, argumentList);
    // An action process would wait for its parent, which waits for it.
    if (process.connected) process.disconnect();
  }
}

await main(process.argv.slice(2));
