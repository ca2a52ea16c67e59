import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { QuernError } from '../errors.js';
import type { JsonObject } from '../json.js';
import { isJsonObject } from '../json.js';
import type { Progress } from '../stages/kind.js';
import { loadKinds } from '../stages/kinds.js';
import { partMaker } from './action-parts.js';
import { describeError } from './describe-error.js';
import type { ActionFile, ActionReport } from './executors/executor.js';
import type { ActionMessage } from './executors/messages.js';

/** Progress is sent at most this often: a bar needs no more, and a message costs the work some time. */
const progressIntervalMs = 50;

/**
 * The body of an action process: does the work that an action file describes and writes its report.
 * Returns whether the work succeeded.
 */
export async function executeAction(file: string): Promise<boolean> {
  const action = readActionFile(file);
  const report = await runAction(action);
  // Nobody wants what a failure leaves, and a full disk has no room for the report beside it.
  if (!report.ok) rmSync(action.outputDirectory, { recursive: true, force: true });
  writeFileSync(action.reportFile, JSON.stringify(report));
  return report.ok;
}

async function runAction(action: ActionFile): Promise<ActionReport> {
  try {
    const kinds = await loadKinds(action.kindModules);
    const kind = kinds.get(action.kind);
    if (kind === undefined || kind.version !== action.version) {
      throw new QuernError('stage', `this quern has no kind ${action.kind} of version ${action.version}`);
    }
    const work = await kind.load();
    const result = await work({
      parameters: action.parameters as never,
      inputs: action.inputs,
      sources: action.sources,
      outputDirectory: action.outputDirectory,
      threads: action.threads,
      part: partMaker(action),
      report: progressSender(),
      finished: (path) => process.send?.({ type: 'finished', path } satisfies ActionMessage),
      log: (line) => console.log(line),
    });
    const usage = process.resourceUsage();
    const cpuMs = Math.round((usage.userCPUTime + usage.systemCPUTime) / 1000);
    return { ok: true, metrics: result.metrics, cpuMs, peakRssBytes: usage.maxRSS * 1024 };
  } catch (error) {
    return { ok: false, error: describeError(error) };
  }
}

/**
 * Sends progress to the process that started this one, and ends this process when that one is gone: work that nobody
 * waits for must not go on writing into a directory that will be swept.
 */
function progressSender(): (progress: Progress) => void {
  const parent = process.ppid;
  let lastSent = Number.NEGATIVE_INFINITY;
  return (progress) => {
    if (process.ppid !== parent) process.exit(1);
    const now = performance.now();
    if (now - lastSent < progressIntervalMs && progress.done < progress.total) return;
    lastSent = now;
    const message: ActionMessage = { type: 'progress', progress };
    process.send?.(message);
  };
}

function readActionFile(file: string): ActionFile {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new QuernError('usage', `${file} is not a readable action file`, { cause: error });
  }
  const fields = isJsonObject(value) ? value : ({} as JsonObject);
  const complete =
    fields.format === 1 &&
    ['kind', 'outputDirectory', 'partsDirectory', 'reportFile'].every((name) => typeof fields[name] === 'string') &&
    ['parameters', 'inputs', 'sources'].every((name) => isJsonObject(fields[name])) &&
    ['version', 'threads', 'memoryLimitBytes'].every((name) => typeof fields[name] === 'number') &&
    typeof fields.keepsParts === 'boolean' &&
    Array.isArray(fields.kindModules);
  if (!complete) throw new QuernError('usage', `${file} is not an action file`);
  return value as ActionFile;
}
