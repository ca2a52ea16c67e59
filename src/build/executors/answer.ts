import { describeError } from '../describe-error.js';
import type { ActionHost, OpenedPart, PartKeeper } from './executor.js';
import type { ActionMessage, HostMessage } from './messages.js';

/** Does what a message of an action process asks for. Resolves with the answer, if it is to have one, and never rejects. */
export async function answerAction(host: ActionHost, message: ActionMessage): Promise<HostMessage | undefined> {
  if (message.type === 'progress') {
    host.progress(message.progress);
    return undefined;
  }
  if (message.type === 'finished') {
    host.finished?.(message.path);
    return undefined;
  }
  const { number } = message;
  try {
    return { type: 'part', number, part: await partFor(requireKeeper(host), message) };
  } catch (error) {
    return { type: 'failed', number, error: describeError(error) };
  }
}

async function partFor(
  parts: PartKeeper,
  message: Extract<ActionMessage, { readonly type: 'open-part' | 'keep-part' }>,
): Promise<OpenedPart> {
  if (message.type === 'open-part') return parts.open(message.request);
  await parts.keep(message.directory);
  return { directory: message.directory, isMade: true };
}

function requireKeeper({ parts }: ActionHost): PartKeeper {
  if (parts === undefined) throw new Error('nobody keeps parts of this action');
  return parts;
}
