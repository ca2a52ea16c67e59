import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { QuernError } from '../errors.js';
import type { JsonObject } from '../json.js';
import type { ResolvedStage } from '../recipe/load.js';
import type { Digest } from '../store/digest.js';
import { describeHolder } from '../store/locks.js';
import type { Sandbox } from '../store/sandbox.js';
import type { Store } from '../store/store.js';
import { hardwareFingerprint } from './engines.js';
import type { StageError } from './events.js';
import type { ActionFile, ActionHost, ActionReport, Executor } from './executors/executor.js';
import type { PartCount } from './part-keeper.js';
import { StorePartKeeper } from './part-keeper.js';
import type { ConcreteAction } from './plan.js';
import { claimRecord } from './plan.js';
import type { ActionRecord } from './record.js';

export interface ActionContext {
  readonly store: Store;
  readonly executor: Executor;
  readonly kindModules: readonly string[];
  /** The action is stopped when it takes more. */
  readonly memoryLimitBytes: number;
  readonly listener: Pick<ActionHost, 'progress' | 'log'>;
  /** Called when another process holds the lock of the action. */
  readonly onWait: (reason: string) => void;
  /** Aborted: a wait for another process ends. */
  readonly stop: AbortSignal;
  /** Aborted: the action is killed. */
  readonly kill: AbortSignal;
}

export type ActionResult =
  | { readonly ok: true; readonly status: 'built' | 'cached'; readonly record: ActionRecord }
  | { readonly ok: false; readonly error: StageError };

/**
 * Runs an action and publishes its result, unless another process has done so by the time its lock is held.
 * The record is written last: a crash at any instant leaves no result, never half of one. A failure leaves nothing.
 */
export async function runAction(
  context: ActionContext,
  stage: ResolvedStage,
  concrete: ConcreteAction,
  forced: boolean,
): Promise<ActionResult> {
  const { store } = context;
  const lock = await store.locks.acquire(`action-${concrete.key}`, 'exclusive', {
    purpose: `build ${stage.name}`,
    onWait: (holder) => context.onWait(`being built by another quern, ${describeHolder(holder)}`),
    signal: context.stop,
  });
  try {
    const finished = forced ? undefined : await claimRecord(store, concrete.key);
    if (finished !== undefined) return { ok: true, status: 'cached', record: finished };
    const sandbox = store.createSandbox();
    try {
      return await runInSandbox(context, stage, concrete, sandbox, forced);
    } finally {
      await sandbox.dispose();
    }
  } finally {
    lock.release();
  }
}

async function runInSandbox(
  context: ActionContext,
  stage: ResolvedStage,
  concrete: ConcreteAction,
  sandbox: Sandbox,
  forced: boolean,
): Promise<ActionResult> {
  const { store } = context;
  const startedMs = performance.now();
  const parts = new StorePartKeeper(store, concrete, sandbox, forced);
  const { action, known } = prepareSandbox(context, stage, concrete, sandbox, { keepsParts: true });
  const file = join(sandbox.directory, 'action.json');
  writeFileSync(file, JSON.stringify(action));
  const lines: string[] = [];
  const log = (line: string): void => {
    lines.push(line);
    context.listener.log(line);
  };
  const ahead = store.hashAhead(known);
  const host: ActionHost = {
    parts,
    log,
    progress: (progress) => context.listener.progress(progress),
    finished: (path) => ahead.add(join(action.outputDirectory, path)),
  };
  try {
    const report = await context.executor.run(file, action, host, context.kill);
    for (const line of foundParts(parts.counts)) log(line);
    if (!report.ok) return report;
    await checkSourcesUnchanged(store, concrete);
    await ahead.hashed();
    const artifact = await store.publishTree(action.outputDirectory, new Map([...known, ...parts.known]), ahead);
    const logDigest = await store.publishBytes(Buffer.from(lines.length === 0 ? '' : `${lines.join('\n')}\n`));
    const record = {
      ...makeRecord(concrete, artifact, logDigest, report, performance.now() - startedMs),
      ...partCounts(parts.counts),
    };
    store.writeRecord(record as unknown as JsonObject & { format: number; key: string });
    return { ok: true, status: 'built', record };
  } finally {
    await ahead.stop();
  }
}

/** What the log says of parts that were not made anew. */
function foundParts(counts: readonly PartCount[]): readonly string[] {
  const found = counts.filter((count) => count.found > 0);
  return found.map(({ unit, count, found }) => `${found} of ${count} ${unit} were there already`);
}

function partCounts(counts: readonly PartCount[]): Pick<ActionRecord, 'parts'> {
  return counts.length === 0 ? {} : { parts: Object.fromEntries(counts.map(({ unit, count }) => [unit, count])) };
}

/** Lays out a sandbox for an action. Returns the action file, and the content of the input files by inode. */
export function prepareSandbox(
  context: ActionContext,
  stage: ResolvedStage,
  concrete: ConcreteAction,
  sandbox: Sandbox,
  { keepsParts }: Pick<ActionFile, 'keepsParts'>,
): { readonly action: ActionFile; readonly known: ReadonlyMap<string, Digest> } {
  const inputs: Record<string, string> = {};
  const known = new Map<string, Digest>();
  for (const [name, digest] of Object.entries(concrete.action.inputs)) {
    const directory = join(sandbox.directory, 'in', name);
    for (const [inode, content] of context.store.linkTree(digest, directory)) known.set(inode, content);
    inputs[name] = directory;
  }
  const outputDirectory = join(sandbox.directory, 'out');
  mkdirSync(outputDirectory);
  const action: ActionFile = {
    format: 1,
    kind: stage.kind.name,
    version: stage.kind.version,
    parameters: stage.kind.normalise?.(stage.parameters) ?? stage.parameters,
    inputs,
    sources: Object.fromEntries(concrete.sources.map(({ pointer, files }) => [pointer, files])),
    outputDirectory,
    partsDirectory: join(sandbox.directory, 'parts'),
    keepsParts,
    reportFile: join(sandbox.directory, 'report.json'),
    threads: stage.kind.cores === 'one' ? 1 : availableParallelism(),
    memoryLimitBytes: context.memoryLimitBytes,
    usesNetwork: stage.kind.usesNetwork === true,
    kindModules: context.kindModules,
  };
  return { action, known };
}

/** A source that changed while the stage ran would give a result under the key of its old content. */
async function checkSourcesUnchanged(store: Store, concrete: ConcreteAction): Promise<void> {
  for (const source of concrete.sources) {
    for (const file of source.files) {
      const unchanged = statSync(file.path, { throwIfNoEntry: false })?.size === file.sizeBytes;
      if (unchanged && (await store.digestOfSource(file.path)).digest === file.digest) continue;
      throw new QuernError('input', `${file.path} changed while the stage ran, so its result was not kept`, {
        suggestion: 'build again',
      });
    }
  }
}

function makeRecord(
  concrete: ConcreteAction,
  artifact: { readonly digest: Digest; readonly sizeBytes: number },
  log: Digest,
  report: ActionReport & { readonly ok: true },
  durationMs: number,
): ActionRecord {
  return {
    format: 1,
    key: concrete.key,
    action: concrete.action,
    artifact: artifact.digest,
    log,
    sizeBytes: artifact.sizeBytes,
    metrics: report.metrics,
    finishedAt: new Date().toISOString(),
    durationMs: Math.round(durationMs),
    cpuMs: report.cpuMs,
    peakRssBytes: report.peakRssBytes,
    machine: hardwareFingerprint(),
  };
}
