#!/usr/bin/env node
import { exitCodes } from '../errors.js';

/** An action process is started often and needs nothing of the command line, so it loads nothing of it. */
async function runActionProcess(file: string): Promise<void> {
  const { executeAction } = await import('../build/exec-action.js');
  process.exitCode = (await executeAction(file)) ? exitCodes.done : exitCodes.stageFailed;
  if (process.connected) process.disconnect();
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
  }
}

await main(process.argv.slice(2));
