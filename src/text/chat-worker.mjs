// @ts-check
// Renders a chat template. In a thread of its own, because a template comes with a model and may loop or grow without end.
import { parentPort, workerData } from 'node:worker_threads';
import { Template } from '@huggingface/jinja';

/** @import { ChatWorkerStart, ChatWorkerReply } from './chat-template.js' */

/** @type {ChatWorkerStart} */
const { source, variables } = workerData;

/** @returns {ChatWorkerReply} */
function render() {
  try {
    return { text: new Template(source).render(variables) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.postMessage(render());
