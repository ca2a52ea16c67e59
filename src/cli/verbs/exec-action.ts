import { executeAction } from '../../build/exec-action.js';
import type { ExitCode } from '../../errors.js';
import { exitCodes } from '../../errors.js';

export async function execAction(file: string): Promise<ExitCode> {
  return (await executeAction(file)) ? exitCodes.done : exitCodes.stageFailed;
}
