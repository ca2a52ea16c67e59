import type { BuildEvent, StageOutcome } from '../../build/events.js';
import type { RendererOptions } from './choose.js';
import type { Columns } from './lines.js';
import { columnsOf, detailLines, outcomeText, stagePrefix, summaryLine } from './lines.js';
import type { Renderer } from './renderer.js';

/** The `plain` mode, for logs: one line when a stage ends, and one when it has to wait. */
export class PlainRenderer implements Renderer {
  readonly #options: RendererOptions;
  readonly #outcomes: StageOutcome[] = [];
  #columns: Columns = { name: 0, kind: 0 };
  #recipe = '';
  #written: Promise<void> = Promise.resolve();

  constructor(options: RendererOptions) {
    this.#options = options;
  }

  handle(event: BuildEvent): void {
    switch (event.type) {
      case 'build-started':
        this.#columns = columnsOf(event.stages);
        this.#recipe = event.recipe;
        break;
      case 'stage-waiting':
        this.note(`${event.stage} waits: ${event.reason}`);
        break;
      case 'stage-log':
        if (this.#options.verbose) this.note(`${event.stage}: ${event.line}`);
        break;
      case 'stage-ended':
        this.#outcomes.push(event.outcome);
        this.#write(async () => this.#outcomeLines(event.outcome));
        break;
      case 'stage-exported':
        this.note(`${event.stage} is written to ${event.destination}`);
        break;
      case 'build-ended':
        this.#write(async () => [summaryLine(this.#recipe, this.#outcomes, event.durationMs)]);
        break;
      case 'stage-started':
      case 'stage-progress':
        break;
    }
  }

  note(text: string): void {
    this.#write(async () => [text]);
  }

  close(): Promise<void> {
    return this.#written;
  }

  async #outcomeLines(outcome: StageOutcome): Promise<string[]> {
    return [
      `${stagePrefix(outcome, this.#columns)}  ${outcomeText(outcome)}`,
      ...(await detailLines(outcome, this.#options)),
    ];
  }

  #write(lines: () => Promise<readonly string[]>): void {
    this.#written = this.#written.then(async () => {
      process.stderr.write(`${(await lines()).join('\n')}\n`);
    });
  }
}
