import { createInterface } from 'node:readline/promises';
import type { Readable, Writable } from 'node:stream';
import { nearest } from '../nearest.js';
import type { Template } from './templates.js';

/** What a user wants to be written. */
export interface Answers {
  readonly template: Template;
  /** Variable -> YAML text, for those that shall differ from the template. */
  readonly values: ReadonlyMap<string, string>;
}

interface Question {
  readonly text: string;
  readonly initial: string;
  /** What is wrong with an answer, in which case the question is asked again. */
  problem?(answer: string): string | undefined;
}

/** Asks for a template and for its variables. `undefined` when the user ends the conversation. */
export async function askForTemplate(
  names: readonly string[],
  read: (name: string) => Template,
  input: Readable,
  output: Writable,
): Promise<Answers | undefined> {
  const terminal = createInterface({ input, output });
  const ended = new AbortController();
  terminal.once('close', () => ended.abort());
  terminal.once('SIGINT', () => terminal.close());
  const ask = async ({ text, initial, problem }: Question): Promise<string> => {
    for (;;) {
      const typed = await terminal.question(`${text} [${initial}]: `, { signal: ended.signal });
      const answer = typed.trim() === '' ? initial : typed.trim();
      const wrong = problem?.(answer);
      if (wrong === undefined) return answer;
      output.write(`${wrong}\n`);
    }
  };
  try {
    for (const name of names) output.write(`  ${name}: ${read(name).description}\n`);
    const chosen = await ask({
      text: 'Template',
      initial: names[0] ?? '',
      problem: (answer) => templateProblem(answer, names),
    });
    const template = read(chosen);
    output.write('Enter keeps the value in brackets. Paths are relative to the recipe.\n');
    const values = new Map<string, string>();
    for (const { name, meaning, text } of template.variables) {
      const answer = await ask({ text: `${meaning}\n  ${name}`, initial: text });
      if (answer !== text) values.set(name, answer);
    }
    return { template, values };
  } catch (error) {
    if (ended.signal.aborted) return undefined;
    throw error;
  } finally {
    terminal.close();
  }
}

function templateProblem(answer: string, names: readonly string[]): string | undefined {
  if (names.includes(answer)) return undefined;
  const near = nearest(answer, names);
  return `There is no template ${answer}${near === undefined ? '' : `; did you mean ${near}?`}`;
}
