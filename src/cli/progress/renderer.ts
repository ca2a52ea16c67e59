import type { BuildEvent } from '../../build/events.js';

/** Shows a build while it runs. Driven by events alone. */
export interface Renderer {
  handle(event: BuildEvent): void;
  /** A remark beside the stages, for example that Ctrl-C was seen. */
  note(text: string): void;
  close(): Promise<void>;
}

/** The `none` mode: nothing is shown but notes. */
export class SilentRenderer implements Renderer {
  handle(): void {}

  note(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  async close(): Promise<void> {}
}

/** The `json` mode: every event as a JSON object on a line of standard error. */
export class JsonRenderer implements Renderer {
  handle(event: BuildEvent): void {
    process.stderr.write(`${JSON.stringify(event)}\n`);
  }

  note(text: string): void {
    process.stderr.write(`${JSON.stringify({ type: 'note', text })}\n`);
  }

  async close(): Promise<void> {}
}
