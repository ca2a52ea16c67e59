import { relative } from 'node:path';
import type { DefaultRenderer, ListrTaskWrapper, SimpleRenderer } from 'listr2';
import { Listr } from 'listr2';
import type { BuildEvent, StageOutcome } from '../../build/events.js';
import type { Progress } from '../../stages/kind.js';
import type { RendererOptions } from './choose.js';
import type { Columns } from './lines.js';
import { columnsOf, detailLines, outcomeText, stagePrefix, summaryLine } from './lines.js';
import type { Renderer } from './renderer.js';

type TaskWrapper = ListrTaskWrapper<unknown, typeof DefaultRenderer, typeof SimpleRenderer>;

const barWidth = 20;

/** One task of the list: the events of its stage change its title, and its outcome ends it. */
interface StageTask {
  readonly ended: Promise<StageOutcome>;
  end(outcome: StageOutcome): void;
  wrapper: TaskWrapper | undefined;
}

/** The `tty` mode: one line a stage, with a bar inside long ones. */
export class TerminalRenderer implements Renderer {
  readonly #options: RendererOptions;
  readonly #tasks = new Map<string, StageTask>();
  readonly #outcomes: StageOutcome[] = [];
  readonly #notes: string[] = [];
  #kinds = new Map<string, string>();
  #columns: Columns = { name: 0, kind: 0 };
  #recipe = '';
  #durationMs = 0;
  #list: Promise<unknown> = Promise.resolve();

  constructor(options: RendererOptions) {
    this.#options = options;
  }

  handle(event: BuildEvent): void {
    switch (event.type) {
      case 'build-started':
        this.#start(event);
        break;
      case 'stage-started':
        this.#title(event.stage, '...');
        break;
      case 'stage-waiting':
        this.#title(event.stage, `waits: ${event.reason}`);
        break;
      case 'stage-progress':
        this.#title(event.stage, progressText(event.progress));
        break;
      case 'stage-ended':
        this.#outcomes.push(event.outcome);
        this.#tasks.get(event.outcome.name)?.end(event.outcome);
        break;
      case 'stage-exported':
        this.#notes.push(`${event.stage} is written to ${relative(process.cwd(), event.destination)}`);
        break;
      case 'build-ended':
        this.#durationMs = event.durationMs;
        break;
      case 'stage-log':
        break;
    }
  }

  note(text: string): void {
    process.stderr.write(`\n${text}\n`);
  }

  async close(): Promise<void> {
    await this.#list;
    const details = await Promise.all(this.#outcomes.map((outcome) => detailLines(outcome, this.#options)));
    const lines = [...details.flat(), ...this.#notes, summaryLine(this.#recipe, this.#outcomes, this.#durationMs)];
    process.stderr.write(`${lines.join('\n')}\n`);
  }

  #start(event: BuildEvent & { readonly type: 'build-started' }): void {
    this.#columns = columnsOf(event.stages);
    this.#recipe = event.recipe;
    this.#kinds = new Map(event.stages.map(({ name, kind }) => [name, kind]));
    for (const { name } of event.stages) this.#tasks.set(name, newStageTask());
    const list = new Listr(
      event.stages.map((stage) => ({
        title: stagePrefix(stage, this.#columns),
        task: (_: unknown, wrapper: TaskWrapper) => this.#follow(stage.name, wrapper),
      })),
      {
        concurrent: true,
        exitOnError: false,
        registerSignalListeners: false,
        rendererOptions: { collapseErrors: true, showErrorMessage: false },
      },
    );
    this.#list = list.run();
  }

  async #follow(stage: string, wrapper: TaskWrapper): Promise<void> {
    const task = this.#tasks.get(stage);
    if (task === undefined) return;
    task.wrapper = wrapper;
    const outcome = await task.ended;
    const title = `${stagePrefix(outcome, this.#columns)}  ${outcomeText(outcome)}`;
    wrapper.title = title;
    if (outcome.status === 'skipped') wrapper.skip(title);
    if (outcome.status === 'failed') throw new Error(title);
  }

  #title(stage: string, text: string): void {
    const wrapper = this.#tasks.get(stage)?.wrapper;
    const kind = this.#kinds.get(stage) ?? '';
    if (wrapper !== undefined) wrapper.title = `${stagePrefix({ name: stage, kind }, this.#columns)}  ${text}`;
  }
}

function newStageTask(): StageTask {
  let end: (outcome: StageOutcome) => void = () => {};
  const ended = new Promise<StageOutcome>((resolve) => {
    end = resolve;
  });
  return { ended, end, wrapper: undefined };
}

function progressText({ done, total, unit }: Progress): string {
  const filled = total === 0 ? barWidth : Math.round((barWidth * done) / total);
  return `${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)} ${done}/${total} ${unit}`;
}
