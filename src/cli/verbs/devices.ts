import type { ExitCode } from '../../errors.js';
import { exitCodes } from '../../errors.js';
import { deviceList, deviceListLines, planReport, planReportLines } from '../../runtime/devices/report.js';
import { printJson } from '../output.js';

export interface DevicesOptions {
  readonly plan?: string;
  readonly scheme: string;
  readonly json?: boolean;
}

/** `quern devices [DEVICE] [--plan MxKxN --scheme S]` */
export async function devices(device: string | undefined, options: DevicesOptions): Promise<ExitCode> {
  if (options.plan === undefined) {
    const list = await deviceList(device);
    if (options.json) printJson(list);
    else process.stdout.write(`${deviceListLines(list).join('\n')}\n`);
    return exitCodes.done;
  }
  const report = planReport(device ?? 'npu:stx', options.plan, options.scheme);
  if (options.json) printJson(report);
  else process.stdout.write(`${planReportLines(report).join('\n')}\n`);
  return exitCodes.done;
}
