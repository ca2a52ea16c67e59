import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { threadErrorOf } from '../../thread-error.js';
import { benchReport } from './bench-report.js';
import type { EngineReply, EngineRequest, EngineStart } from './engine-messages.js';
import { type Prompt, type TextGenerator, withTextGenerator } from './text-generator.js';

/** What the thread of the engine does (see engine-thread.ts). */
async function run(port: MessagePort, start: EngineStart): Promise<void> {
  const send = (reply: EngineReply): void => port.postMessage(reply);
  const log = (line: string): void => send({ type: 'log', line });
  try {
    if (start.verb === 'generate') {
      await withTextGenerator({ ...start.options, log }, (generator) => answerPrompts(generator, port, send));
    } else {
      const onRepeat = (done: number, total: number): void => send({ type: 'repeat', done, total });
      send({ type: 'measured', report: await benchReport({ ...start.options, log, onRepeat }) });
    }
  } catch (error) {
    send({ type: 'failed', error: threadErrorOf(error) });
  } finally {
    port.close();
  }
}

/** Answers prompts until the thread is told to close. */
function answerPrompts(generator: TextGenerator, port: MessagePort, send: (reply: EngineReply) => void): Promise<void> {
  let stop = new AbortController();
  const answer = async (prompt: Prompt): Promise<void> => {
    stop = new AbortController();
    try {
      const onText = (text: string): void => send({ type: 'text', text });
      const text = await generator.answer(prompt, { stop: stop.signal, onText });
      send({ type: 'answered', answer: { text, report: generator.report(prompt, text) } });
    } catch (error) {
      send({ type: 'failed', error: threadErrorOf(error) });
    }
  };
  return new Promise((resolve) => {
    port.on('message', (request: EngineRequest) => {
      switch (request.type) {
        case 'answer':
          void answer(request.prompt);
          break;
        case 'stop':
          stop.abort();
          break;
        case 'close':
          resolve();
          break;
      }
    });
    send({ type: 'ready' });
  });
}

if (parentPort !== null) await run(parentPort, workerData);
