import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline/promises';
import { text as readAll } from 'node:stream/consumers';
import type { ExitCode } from '../../errors.js';
import { exitCodes, QuernError } from '../../errors.js';
import { formatNumber } from '../../format.js';
import { parseDeviceList } from '../../runtime/devices/device-list.js';
import { type Conversation, openConversation } from '../../runtime/verbs/conversation.js';
import type { Answer } from '../../runtime/verbs/engine-messages.js';
import { type RemoteTextGenerator, withRemoteTextGenerator } from '../../runtime/verbs/engine-thread.js';
import type { GeneratedText, Prompt } from '../../runtime/verbs/text-generator.js';
import { endBySignal, InterruptSignals } from '../interrupts.js';
import { modelDirectory } from '../model-argument.js';
import type { GenerateCommandOptions } from '../options.js';
import { printJson } from '../output.js';

/** How long the end of an answer may take before something is said of it. */
const patienceMs = 300;

/** `quern generate MODEL --prompt TEXT`: the continuation of a text on standard output, as it comes. */
export async function generate(
  model: string,
  stage: string | undefined,
  options: GenerateCommandOptions,
): Promise<ExitCode> {
  const devices = parseDeviceList(options.devices);
  if (options.draft !== undefined && options.temperature > 0) {
    throw new QuernError('usage', 'with a draft each token is the most probable one', {
      suggestion: 'leave out --temperature or --draft',
    });
  }
  const isConversation = options.prompt === undefined && process.stdin.isTTY === true && !options.json;
  const given = isConversation ? undefined : await givenPrompt(options.prompt);
  const directory = await modelDirectory(model, stage, options);
  // A single prompt is given as it stands unless something else is asked for.
  const chat = options.chat ?? (isConversation || options.system !== undefined ? undefined : false);
  const conversation = openConversation(directory, { chat, system: options.system });
  const prompt = given === undefined ? undefined : await conversation.ask(given);
  const { temperature, topK, topP, seed, maxTokens, granularity, ignoreEos = false, draft, draftTokens } = options;
  const generatorOptions = {
    policy: options.placement,
    ...{ directory, devices, granularity, maxTokens, ignoreEos, draftTokens },
    threads: options.threads ?? availableParallelism(),
    spin: options.spin === true,
    ...(draft === undefined ? {} : { draft: await modelDirectory(draft, undefined, options) }),
    sampling: { temperature, seed, ...(topK === undefined ? {} : { topK }), ...(topP === undefined ? {} : { topP }) },
    log: (line: string) => process.stderr.write(`${line}\n`),
  };
  const readerLeaves = readerLeaving();
  if (prompt === undefined) {
    return withRemoteTextGenerator(generatorOptions, (generator) => converse(generator, conversation, readerLeaves));
  }
  return withRemoteTextGenerator({ ...generatorOptions, prompt }, async (generator) => {
    const { text, report } = await showAnswer(generator, prompt, readerLeaves, options.json === true);
    if (options.json) printJson(report);
    return text.stoppedBy === 'interrupted' ? exitCodes.interrupted : exitCodes.done;
  });
}

async function givenPrompt(prompt: string | undefined): Promise<string> {
  const given = prompt ?? (process.stdin.isTTY ? '' : (await readAll(process.stdin)).replace(/\r?\n$/, ''));
  if (given !== '') return given;
  throw new QuernError('usage', 'there is no prompt', { suggestion: 'give one: --prompt TEXT, or standard input' });
}

/** Answers one line after the other. Ctrl-C ends an answer, or the conversation between answers. */
async function converse(
  generator: RemoteTextGenerator,
  conversation: Conversation,
  readerLeaves: AbortSignal,
): Promise<ExitCode> {
  for (;;) {
    const line = await ask();
    if (typeof line === 'number') return line;
    if (line.trim() === '') continue;
    try {
      const { text } = await showAnswer(generator, await conversation.ask(line), readerLeaves, false);
      conversation.answered(text.text);
    } catch (error) {
      if (!(error instanceof QuernError)) throw error;
      const restarted = conversation.restart() ? '\nthe conversation begins anew' : '';
      process.stderr.write(`${error.message}${restarted}\n`);
    }
  }
}

/** A line from the terminal, or the exit code when there is none. */
async function ask(): Promise<string | ExitCode> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  return new Promise((resolve) => {
    terminal.once('SIGINT', () => {
      resolve(exitCodes.interrupted);
      terminal.close();
    });
    terminal.once('close', () => resolve(exitCodes.done));
    terminal.question('> ').then(
      (line) => {
        resolve(line);
        terminal.close();
      },
      () => {},
    );
  });
}

/** Aborts when whoever reads standard output has had enough. */
function readerLeaving(): AbortSignal {
  const gone = new AbortController();
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    gone.abort();
  });
  return gone.signal;
}

async function showAnswer(
  generator: RemoteTextGenerator,
  prompt: Prompt,
  readerLeaves: AbortSignal,
  quiet: boolean,
): Promise<Answer> {
  let late: NodeJS.Timeout | undefined;
  // A stop is heard behind the pass that is being computed, which may be a long one.
  const interrupts = new InterruptSignals(() => {
    late = setTimeout(
      () => process.stderr.write('ending behind this pass; interrupt again to end at once\n'),
      patienceMs,
    );
  });
  interrupts.kill.addEventListener('abort', endBySignal);
  try {
    const answer = await generator.answer(prompt, {
      stop: AbortSignal.any([interrupts.stop, readerLeaves]),
      onText: quiet ? () => {} : (text) => process.stdout.write(text),
    });
    if (!quiet) {
      process.stdout.write('\n');
      process.stderr.write(`${timesLine(answer.text)}\n`);
    }
    return answer;
  } finally {
    clearTimeout(late);
    interrupts.release();
  }
}

function timesLine({ newIds, promptIds, prefillMs, msPerToken, stoppedBy, draft }: GeneratedText): string {
  const reasons = { length: '', end: ', end of text', interrupted: ', interrupted' } as const;
  const perToken =
    msPerToken === undefined
      ? ''
      : `, ${formatNumber(msPerToken)} ms per token (${formatNumber(1000 / msPerToken)} tokens/s)`;
  const guessed = draft === undefined ? '' : `, ${draft.accepted} of ${draft.proposed} guesses right`;
  const prefill = prefillMs === undefined ? '' : `, prefill ${formatNumber(prefillMs)} ms`;
  return `${newIds.length} tokens behind ${promptIds.length}${reasons[stoppedBy]}${prefill}${perToken}${guessed}`;
}
