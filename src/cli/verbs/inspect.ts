import type { ExitCode } from '../../errors.js';
import { exitCodes } from '../../errors.js';
import { inspectModel } from '../../inspect/model-report.js';
import { modelReportRows } from '../../inspect/report-lines.js';
import { formatTable, printJson } from '../output.js';

/** `quern inspect MODEL`: what a model is made of, and what of it is not supported. Needs no recipe. */
export async function inspect(path: string, options: { readonly json?: boolean }): Promise<ExitCode> {
  const report = await inspectModel(path);
  if (options.json) printJson(report);
  else process.stdout.write(`${formatTable(modelReportRows(report)).join('\n')}\n`);
  return exitCodes.done;
}
