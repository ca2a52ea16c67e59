import type { ExitCode } from '../../errors.js';
import { exitCodes, QuernError } from '../../errors.js';
import { compareArtifacts } from '../../report/compare/artifacts.js';
import { compareRuns } from '../../report/compare/runs.js';
import { artifactChangeLines } from '../../report/compare/text.js';
import type { DiffOperand } from '../diff-operand.js';
import { actionsOf, openOperand } from '../diff-operand.js';
import type { CommonOptions } from '../options.js';
import { printJson } from '../output.js';
import { runChangeLines } from '../run-change-lines.js';

/**
 * `quern diff A B`: how two runs differ (ids of `quern history`), or two artifacts (`RECIPE:STAGE`, a
 * digest, or any directory).
 * The exit code does not depend on what is found.
 */
export async function diff(before: string, after: string, options: CommonOptions): Promise<ExitCode> {
  const [one, other] = [await openOperand(before, options), await openOperand(after, options)];
  if (one.type === 'run' && other.type === 'run') {
    const changes = compareRuns(one.run, other.run, actionsOf(one.store));
    if (options.json) printJson({ before, after, type: 'runs', ...changes });
    else process.stdout.write(`${runChangeLines(changes).join('\n')}\n`);
    return exitCodes.done;
  }
  if (one.type === 'run' || other.type === 'run') throw mixed(before, after, one);
  const changes = compareArtifacts(one.side, other.side);
  if (options.json) printJson({ before, after, type: 'artifacts', ...changes });
  else process.stdout.write(`${artifactChangeLines(changes).join('\n')}\n`);
  return exitCodes.done;
}

function mixed(before: string, after: string, one: DiffOperand): QuernError {
  const [run, artifact] = one.type === 'run' ? [before, after] : [after, before];
  return new QuernError('usage', `${run} is a run and ${artifact} is an artifact: they can't be compared`, {
    suggestion: 'give two runs, or two of RECIPE:STAGE and directories',
  });
}
